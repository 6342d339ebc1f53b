"""Published ports as values: from records to plans, and the base edition's warning of them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest

from wgplugin.clock import Moment
from wgplugin.model.published import INSIDE, PortBinding, link_addresses, link_name
from wgplugin.networks import ports
from wgplugin.state.records import Endpoint, Network

BOTH = (4, 6)
ALONE = Network(id="n1", configuration="home")
SHARED = Network(
    id="n1", configuration="home", mode="shared", gateways=("172.20.0.1/16", "fd20::1/64")
)
ENDPOINT = Endpoint(
    id="e1",
    network_id="n1",
    configuration="home",
    created=Moment("boot", 12.5),
    published=("8080:80/tcp", "127.0.0.1:53:5353/udp"),
    number=7,
    targets=("172.20.0.2", "fd20::2"),
)


def changed(**values: Any) -> Endpoint:
    return msgspec.structs.replace(ENDPOINT, **values)


# The base edition's warning


def test_published_ports_are_named_with_all_cures_and_the_page() -> None:
    (warning,) = ports.port_warnings(
        [PortBinding("tcp", 80, first=8080, last=8080), PortBinding("udp", 53)]
    )
    assert warning.startswith("this network doesn't publish 8080:80/tcp, 53/udp: ")
    assert "the live edition" in warning
    assert "docker network connect BRIDGE CONTAINER" in warning
    assert "Compose networks: [default, NETWORK]" in warning
    assert re.search(r"docs/web-app\.md .*\[WG115\]$", warning)


def test_warning_holds_for_a_container_on_a_bridge_too() -> None:
    (warning,) = ports.port_warnings([PortBinding("tcp", 80)])
    assert "this network doesn't publish" in warning
    assert "unless it has one" in warning


def test_container_without_published_ports_is_not_warned_of() -> None:
    assert ports.port_warnings([]) == ()


# Whose a port is


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (PortBinding("tcp", 9, first=8080, last=8080), "8080/tcp"),
        (PortBinding("tcp", 9, ip_address("192.0.2.1"), 8080, 8080), "8080/tcp"),
        (PortBinding("udp", 9, ip_address("0.0.0.0"), 53, 53), "127.0.0.1:53/udp"),
        (PortBinding("udp", 9, ip_address("::"), 53, 53), None),
        (PortBinding("udp", 9, ip_address("127.0.0.2"), 53, 53), None),
        (PortBinding("udp", 9, first=8080, last=8080), None),
        (PortBinding("tcp", 9, first=8080, last=8081), None),
        (PortBinding("tcp", 80), None),
    ],
)
def test_port_that_another_has_is_found_where_there_is_no_choice(
    wanted: PortBinding, taken: str | None
) -> None:
    found = ports.conflict([wanted], [changed(id="e0", published=("1:1/tcp",)), ENDPOINT])
    assert (found and (found[0].of_host, found[1].id)) == (taken and (taken, "e1"))


# Plans


def test_container_of_its_own_tunnel_has_a_link_of_its_own() -> None:
    link = ports.container_link(ENDPOINT, BOTH)
    assert link is not None
    assert link.device == link_name("e1") != INSIDE
    assert list(map(str, link.addresses)) == ["169.254.192.7/32", "fd77:6770:7562::7/128"]
    assert ports.container_link(changed(number=0), BOTH) is None


def test_host_reaches_a_container_of_its_own_tunnel_by_both_families() -> None:
    found = ports.publication(ENDPOINT, ALONE, BOTH)
    assert found.device == link_name("e1")
    assert list(map(str, found.addresses)) == ["169.254.192.7", "fd77:6770:7562::7"]
    assert found.ports == ENDPOINT.ports


def test_host_without_ipv6_has_no_such_address_on_a_link() -> None:
    for network in (ALONE, SHARED):
        assert list(map(str, ports.publication(ENDPOINT, network, (4,)).addresses)) == [
            "169.254.192.7"
        ]
    link = ports.container_link(ENDPOINT, (4,))
    assert link is not None
    assert list(map(str, link.addresses)) == ["169.254.192.7/32"]


def test_containers_of_a_shared_network_are_reached_by_their_router() -> None:
    other = changed(id="e2", number=9, targets=("172.20.0.3",))
    idle = changed(id="e3", number=0, published=())
    link, answers = ports.router_link(SHARED, [ENDPOINT, other, idle], BOTH)
    assert link is not None
    assert link.device == link_name("n1")
    assert link.addresses == (*link_addresses(7, BOTH), *link_addresses(9, (4,)))
    assert {f"{address} {container}" for address, container in answers} == {
        "169.254.192.7 172.20.0.2",
        "fd77:6770:7562::7 fd20::2",
        "169.254.192.9 172.20.0.3",
    }
    for each in (ENDPOINT, other):
        assert ports.publication(each, SHARED, BOTH).device == link.device


def test_router_without_published_ports_has_no_link() -> None:
    idle = changed(number=0, published=())
    assert ports.router_link(SHARED, [idle], BOTH) == (None, ())


def test_container_of_a_shared_network_is_reached_by_the_families_of_its_addresses() -> None:
    only = changed(targets=("fd20::2",))
    found = ports.publication(only, SHARED, BOTH)
    assert list(map(str, found.addresses)) == ["fd77:6770:7562::7"]
    assert ports.reached(only, SHARED, BOTH) == {6}
    assert ports.reached(only, SHARED, (4,)) == frozenset()
    assert ports.reached(only, ALONE, BOTH) == {4, 6}
