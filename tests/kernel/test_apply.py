"""What a container's programs can reach, and can't, as its namespace is set up."""

import errno
import socket
from ipaddress import ip_interface, ip_network

import pytest

from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tunnel,
    alone,
    ip,
    needs_namespaces,
)
from wgplugin.kernel import apply
from wgplugin.kernel.rtnl import Links
from wgplugin.model import namespace
from wgplugin.model.namespace import MARK, Found, Item, Plan

pytestmark = needs_namespaces

PORT = 9

OWN = {4: "10.8.0.2/32", 6: "fd08::2/128"}
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
ETH0 = {4: "192.0.2.2/24", 6: "2001:db8::2/64"}
GATEWAY = {4: "192.0.2.1", 6: "2001:db8::1"}
NEIGHBOUR = {4: "192.0.2.3", 6: "2001:db8::3"}
OUTSIDE = {4: "198.51.100.1", 6: "2001:db8:9::1"}
PARTS = {4: "198.51.100.0/24", 6: "2001:db8:9::/48"}
ELSEWHERE = {4: "203.0.113.1", 6: "2001:db8:a::1"}


def planned(
    version: int, routed: str = "", bypass: str = "", device: str = DEVICE, owner: int = OWNER
) -> Plan:
    routes = routed or EVERYTHING[version]
    holes = (ip_network(bypass),) if bypass else ()
    own = (ip_interface(OWN[version]),)
    return Plan(device, owner, own, (ip_network(routes),), holes)


def add_other_network(version: int) -> None:
    """Make a network with a default route by its gateway; its hosts' link addresses are known."""
    add_device("eth0", ETH0[version])
    link_address = "lladdr 02:00:00:00:00:01 dev eth0 nud permanent"
    ip(
        f"route add default via {GATEWAY[version]} dev eth0",
        f"neighbour add {GATEWAY[version]} {link_address}",
        f"neighbour add {NEIGHBOUR[version]} {link_address}",
    )


def add_full_tunnel(version: int) -> None:
    # The address comes first, as a WireGuard device doesn't wait until nobody else has it.
    index = add_tunnel(OWN[version])
    plan = planned(version)
    with Links() as links:
        links.change(namespace.changes(plan, {version}, Found()), index)


def udp(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def reach(host: str, mark: int = 0) -> int:
    """Return the error that the kernel's routes have for a host, 0 for none; nothing is sent."""
    with udp(host) as probe:
        if mark:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        return probe.connect_ex((host, PORT))


def found(plan: Plan) -> set[Item]:
    with Links() as links:
        return set(links.found(plan.owner).items)


@BOTH_FAMILIES
@alone
def test_outside_is_refused_once_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    assert reach(OUTSIDE[version]) == 0
    assert apply.block_exits(planned(version))
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH


@BOTH_FAMILIES
@alone
def test_subnet_of_another_network_is_reached_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(planned(version))
    assert reach(NEIGHBOUR[version]) == 0


@BOTH_FAMILIES
@alone
def test_bypass_is_reached_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(planned(version, bypass=PARTS[version]))
    assert reach(OUTSIDE[version]) == 0
    assert reach(ELSEWHERE[version]) == errno.EHOSTUNREACH


@BOTH_FAMILIES
@alone
def test_what_is_not_the_tunnel_s_is_reached_though_its_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(planned(version, routed=PARTS[version]))
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH
    assert reach(ELSEWHERE[version]) == 0


@BOTH_FAMILIES
@alone
def test_marked_answer_goes_out_by_another_network_though_exits_are_blocked(version: int) -> None:
    add_other_network(version)
    apply.block_exits(planned(version))
    assert reach(OUTSIDE[version], mark=MARK) == 0


@alone
def test_exits_that_are_blocked_may_be_blocked_again() -> None:
    plan = planned(4)
    assert apply.block_exits(plan)
    assert apply.block_exits(plan)
    assert found(plan) == namespace.blocked_exits(plan)


@BOTH_FAMILIES
@alone
def test_clear_opens_exits_again_and_leaves_nothing(version: int) -> None:
    add_other_network(version)
    plan = planned(version, bypass=PARTS[version])
    apply.block_exits(plan)
    apply.clear(DEVICE, plan.owner)
    assert found(plan) == set()
    assert reach(ELSEWHERE[version]) == 0


@alone
def test_clear_leaves_another_tunnel_s_exits_blocked() -> None:
    add_other_network(4)
    other = planned(4, routed=PARTS[4], owner=OTHER)
    apply.block_exits(other)
    apply.block_exits(planned(4))
    apply.clear(DEVICE, OWNER)
    assert reach(OUTSIDE[4]) == errno.EHOSTUNREACH
    assert reach(ELSEWHERE[4]) == 0
    with Links() as links:
        assert links.found(OTHER).items == namespace.blocked_exits(other)


@alone
def test_clear_of_what_is_not_there_is_no_error() -> None:
    apply.clear(DEVICE, OWNER)
    apply.clear(DEVICE, OWNER)


@BOTH_FAMILIES
@alone
def test_outside_is_reached_by_the_tunnel(version: int) -> None:
    add_other_network(version)
    add_full_tunnel(version)
    with udp(OUTSIDE[version]) as probe:
        probe.connect((OUTSIDE[version], PORT))
        assert probe.getsockname()[0] == OWN[version].partition("/")[0]


@BOTH_FAMILIES
@alone
def test_tunnel_that_is_taken_down_opens_no_other_network(version: int) -> None:
    add_other_network(version)
    add_full_tunnel(version)
    ip("link set wg0 down")
    assert reach(OUTSIDE[version]) == errno.EHOSTUNREACH


@pytest.mark.parametrize(
    ("name", "up", "route", "expected"),
    [
        ("wg0", True, "10.9.0.0/16", True),
        ("wg0", True, "10.7.0.0/16", False),
        ("wg0", False, "", False),
        (DEVICE, True, "10.9.0.0/16", False),
    ],
    ids=["done", "no-route-yet", "down", "not-renamed"],
)
@alone
def test_device_is_moved_once_it_is_renamed_and_up_and_has_docker_s_routes(
    name: str, up: bool, route: str, expected: bool
) -> None:
    add_tunnel()
    ip("link set wg0 down", f"link set wg0 name {name}")
    if up:
        ip(f"link set {name} up", f"route add {route} dev {name}")
    assert apply.is_moved(DEVICE, [ip_network("10.9.0.0/16")] if up else []) is expected


@alone
def test_device_that_is_not_there_is_not_moved() -> None:
    assert not apply.is_moved(DEVICE, [])
