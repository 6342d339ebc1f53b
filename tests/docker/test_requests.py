"""Docker's requests become values; one that can't be read is refused."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from wgplugin.docker.protocol import (
    GENERIC_OPTIONS,
    CreateEndpointRequest,
    CreateNetworkRequest,
    IPAMData,
)
from wgplugin.docker.requests import PORT_MAP, new_endpoint, new_network
from wgplugin.errors import RequestError
from wgplugin.model.published import PortBinding
from wgplugin.networks.kinds import NewNetwork

BINDING = {"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080}


def bindings(options: dict[str, Any] | None) -> tuple[PortBinding, ...]:
    request = CreateEndpointRequest(network_id="n1", endpoint_id="e1", options=options)
    return new_endpoint(request).published


def published(options: dict[str, Any] | None) -> tuple[str, ...]:
    return tuple(map(str, bindings(options)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "8080:80/tcp"),
        ({"Proto": 17}, "8080:80/udp"),
        ({"Proto": 132}, "8080:80/sctp"),
        ({"HostIP": "127.0.0.1"}, "127.0.0.1:8080:80/tcp"),
        ({"HostIP": "::1"}, "[::1]:8080:80/tcp"),
        ({"HostIP": None}, "8080:80/tcp"),
        ({"HostIP": "0.0.0.0"}, "0.0.0.0:8080:80/tcp"),
        ({"HostPort": 0, "HostPortEnd": 0}, "80/tcp"),
        ({"HostIP": "127.0.0.1", "HostPort": 0, "HostPortEnd": 0}, "127.0.0.1::80/tcp"),
        ({"HostPortEnd": 8090}, "8080-8090:80/tcp"),
        ({"HostPortEnd": 0}, "8080:80/tcp"),
    ],
)
def test_published_port_is_written_as_for_publish(changes: dict[str, Any], expected: str) -> None:
    assert published({PORT_MAP: [{**BINDING, **changes}]}) == (expected,)


def test_each_published_port_is_one_of_the_values() -> None:
    other = {**BINDING, "Port": 53, "Proto": 17, "HostPort": 0}
    assert published({PORT_MAP: [BINDING, other]}) == ("8080:80/tcp", "53/udp")


def test_ports_of_the_host_are_one_a_range_or_any() -> None:
    given = [{**BINDING, "HostPort": first, "HostPortEnd": last} for first, last in PORTS]
    found = [(each.first, each.last) for each in bindings({PORT_MAP: given})]
    assert found == [(0, 0), (0, 0), (8080, 8080), (8080, 8080), (8080, 8090)]


PORTS = [(0, 0), (0, 9), (8080, 0), (8080, 8080), (8080, 8090)]


def test_address_of_the_host_is_one_or_none_for_all() -> None:
    given = [{**BINDING, "HostIP": text} for text in ("", "192.0.2.1", "::")]
    found = [each.address for each in bindings({PORT_MAP: given})]
    assert found == [None, ip_address("192.0.2.1"), ip_address("::")]


@pytest.mark.parametrize(
    "given",
    [
        7,
        [7],
        {"Port": 80},
        [{**BINDING, "Proto": 1}],
        [{**BINDING, "Port": 0}],
        [{**BINDING, "Port": 65536}],
        [{**BINDING, "Port": "80"}],
        [{**BINDING, "HostIP": "here"}],
        [{**BINDING, "HostPort": -1}],
        [{"Port": 80}],
    ],
)
def test_published_port_that_cannot_be_read_is_a_bad_request(given: Any) -> None:
    with pytest.raises(RequestError, match=r"a published port can't be read: .*\[WG501\]"):
        bindings({PORT_MAP: given})


@pytest.mark.parametrize("options", [None, {}, {PORT_MAP: None}, {PORT_MAP: []}])
def test_container_without_published_ports_has_none(options: dict[str, Any] | None) -> None:
    assert published(options) == ()


def created(
    ipv4: tuple[IPAMData, ...] = (),
    ipv6: tuple[IPAMData, ...] = (),
    options: dict[str, Any] | None = None,
) -> NewNetwork:
    given = {GENERIC_OPTIONS: {"wireguard-config": "home"}, **(options or {})}
    return new_network(
        CreateNetworkRequest(network_id="n1", options=given, ipv4_data=ipv4, ipv6_data=ipv6)
    )


def pool(subnet: str, gateway: str = "") -> IPAMData:
    return IPAMData(address_space="LocalDefault", pool=subnet, gateway=gateway)


def test_gateways_are_those_of_all_subnets_in_their_order() -> None:
    found = created(
        (pool("172.20.0.0/16", "172.20.0.1/16"), pool("10.9.0.0/24", "10.9.0.254/24")),
        (pool("fd00::/64", "fd00::1/64"),),
    )
    assert [str(each) for each in found.subnets] == ["172.20.0.0/16", "10.9.0.0/24", "fd00::/64"]
    assert [str(each) for each in found.gateways] == [
        "172.20.0.1/16",
        "10.9.0.254/24",
        "fd00::1/64",
    ]


def test_subnet_without_a_gateway_and_the_null_driver_have_none() -> None:
    null = IPAMData(address_space="null", pool="0.0.0.0/0")
    assert created((pool("172.20.0.0/16"), null)).gateways == ()
    assert created((null,)).subnets == ()


def test_gateway_that_cannot_be_read_is_a_bad_request() -> None:
    with pytest.raises(RequestError, match="a subnet can't be read"):
        created((pool("172.20.0.0/16", "here"),))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("true", True), ("True", True), (False, False), ("false", False), (None, False)],
)
def test_internal_network_is_known_by_docker_s_own_option(value: object, expected: bool) -> None:
    assert created(options={"com.docker.network.internal": value}).internal is expected
    assert created().internal is False
