"""From records and files to plans: of a shared network's router, and of its containers."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec
import pytest

from wgplugin.clock import Moment
from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.conf.settings import Settings
from wgplugin.conf.settings_file import parse
from wgplugin.errors import PluginError
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.published import Link, link_addresses, link_name
from wgplugin.networks import planning
from wgplugin.networks.modes import tunnel_settings
from wgplugin.state.records import Endpoint, Network

BOTH = (4, 6)
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
NETWORK = Network(
    id="n1",
    configuration="home",
    mode="shared",
    tunnel={"forward": "81:172.20.0.9:80"},
    gateways=("172.20.0.1/16",),
)
ENDPOINT = Endpoint(
    id="e1",
    network_id="n1",
    configuration="home",
    created=Moment("boot", 12.5),
    tunnel={"forward": "80:8080", "priority": "7"},
    assigned=("172.20.0.2/16",),
)


def file(allowed_ips: str = "0.0.0.0/0") -> InterfaceConfig:
    text = (
        f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.8.0.2/32\n"
        f"[Peer]\nPublicKey = {KEY}\nAllowedIPs = {allowed_ips}\n"
    )
    return parser.parse(text.encode(), "home.conf")


def settings(text: str = "") -> Settings:
    return parse(text.encode(), "wgplugin.yaml")


def test_router_has_the_settings_of_the_network_and_the_ports_of_its_containers() -> None:
    found = planning.router(
        NETWORK, [ENDPOINT], file(), settings("defaults: {isolate: on}"), BOTH, 1380
    )
    assert found.isolate
    assert found.mtu == 1380
    assert list(map(str, found.gateways)) == ["172.20.0.1/16"]
    assert list(map(str, found.forwards)) == ["81:172.20.0.9:80/tcp", "80:172.20.0.2:8080/tcp"]


def test_router_of_an_internal_network_has_nothing_in_its_tunnel() -> None:
    network = msgspec.structs.replace(NETWORK, internal=True, tunnel={})
    found = planning.router(network, [], file(), settings(), BOTH, None)
    assert (found.internal, found.routed) == (True, ())


@pytest.mark.parametrize(
    ("allowed_ips", "text", "code"),
    [
        ("172.20.3.0/24", "", Code.SUBNET_TAKEN),
        ("0.0.0.0/0", "defaults: {bypass: 10.0.0.0/8, default: gateway}", Code.BYPASS_AND_GATEWAY),
    ],
)
def test_files_that_a_router_cannot_have_are_refused(
    allowed_ips: str, text: str, code: Code
) -> None:
    with pytest.raises(PluginError) as caught:
        planning.router(NETWORK, [], file(allowed_ips), settings(text), BOTH, None)
    assert caught.value.code is code


def test_container_of_a_shared_network_is_planned_with_its_router() -> None:
    found = planning.plan(ENDPOINT, NETWORK, file(), settings(), BOTH)
    assert found.hops[0] == ip_address("172.20.0.1")
    assert ip_network("172.20.0.0/16") in found.subnets
    assert found.addresses[0] == ENDPOINT.assigned_addresses[0]
    assert found.priority == 7


def test_published_ports_are_in_the_plans_of_router_and_container() -> None:
    endpoint = msgspec.structs.replace(
        ENDPOINT, published=("8080:80/tcp",), number=7, targets=("172.20.0.2",)
    )
    found = planning.plan(endpoint, NETWORK, file(), settings(), BOTH)
    assert (found.link, found.answers) == (None, True)
    router = planning.router(NETWORK, [endpoint], file(), settings(), BOTH, None)
    assert router.link == Link(link_name("n1"), (ip_interface("169.254.192.7/32"),))
    assert router.answers == ((ip_address("169.254.192.7"), ip_address("172.20.0.2")),)
    without = planning.router(NETWORK, [ENDPOINT], file(), settings(), BOTH, None)
    assert (without.link, without.answers) == (None, ())


def test_published_ports_are_in_the_plan_of_a_container_with_its_own_tunnel() -> None:
    network = msgspec.structs.replace(NETWORK, mode="container", tunnel={}, gateways=())
    endpoint = msgspec.structs.replace(
        ENDPOINT, tunnel={}, assigned=(), published=("8080:80/tcp",), number=7
    )
    found = planning.plan(endpoint, network, file(), settings(), BOTH)
    assert found.link == Link(link_name("e1"), link_addresses(7, BOTH))
    assert not found.answers


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"tunnel": {"forward": "80:80"}}, True), ({"number": 7}, True), ({}, False)],
)
def test_router_is_planned_anew_for_endpoints_with_ports(
    changes: dict[str, Any], expected: bool
) -> None:
    endpoint = msgspec.structs.replace(ENDPOINT, **{"tunnel": {"priority": "7"}, **changes})
    assert planning.is_in_router(endpoint) is expected


def test_mode_is_that_of_the_network_s_creation() -> None:
    network = msgspec.structs.replace(NETWORK, mode="container", tunnel={}, gateways=())
    endpoint = msgspec.structs.replace(ENDPOINT, tunnel={}, assigned=())
    found = planning.plan(endpoint, network, file(), settings("defaults: {mode: shared}"), BOTH)
    assert (found.hops, found.subnets) == ((), ())
    kept = tunnel_settings(NETWORK, settings("defaults: {mode: container}"), "home")
    assert kept.mode == "shared"


@pytest.mark.parametrize(("given", "text"), [((), "gateway"), (("172.20.0.1",), "tunnel")])
def test_default_of_a_container_counts_at_its_next_start(given: tuple[str, ...], text: str) -> None:
    endpoint = msgspec.structs.replace(ENDPOINT, gateways=given)
    of_file = settings(f"defaults: {{default: {text}}}")
    with pytest.raises(PluginError) as caught:
        planning.plan(endpoint, NETWORK, file(), of_file, BOTH)
    assert caught.value.code is Code.NEXT_START
