"""What a tunnel has in its container's namespace: as planned, and as it is brought about."""

from ipaddress import ip_interface, ip_network

import pytest

from wgplugin.model import namespace
from wgplugin.model.namespace import (
    FULL,
    MAIN_TABLE,
    OTHERS,
    PARTIAL,
    REPLIES,
    DeviceAddress,
    Item,
    Plan,
    PolicyRule,
    Route,
)
from wgplugin.model.prefixes import Prefix

DEVICE = "wgp0123456789ab"
OTHER = "wgpffffffffffff"


def networks(text: str) -> tuple[Prefix, ...]:
    return tuple(map(ip_network, text.split()))


def planned(routed: str, bypass: str = "", addresses: str = "10.8.0.2/32") -> Plan:
    return Plan(
        DEVICE, tuple(map(ip_interface, addresses.split())), networks(routed), networks(bypass)
    )


def routes(items: frozenset[Item], kind: str) -> set[str]:
    return {
        str(item.destination) for item in items if isinstance(item, Route) and item.kind == kind
    }


def rules(items: frozenset[Item]) -> list[tuple[int, int]]:
    return sorted((item.version, item.priority) for item in items if isinstance(item, PolicyRule))


def test_allowed_ips_are_routes_as_they_are() -> None:
    items = namespace.items(planned("0.0.0.0/0 10.0.0.0/8 ::/0"), (4, 6))
    assert routes(items, "device") == {"0.0.0.0/0", "10.0.0.0/8", "::/0"}


def test_prefix_of_the_tunnel_is_unreachable_without_it() -> None:
    wanted = planned("0.0.0.0/0 10.0.0.0/8 ::/0")
    for items in (
        namespace.blocked_exits(wanted),
        namespace.items(wanted, (4,)),
        namespace.items(wanted, (4, 6)),
    ):
        assert routes(items, "unreachable") == {"0.0.0.0/0", "10.0.0.0/8", "::/0"}
        assert rules(items) == [
            (version, priority) for version in (4, 6) for priority in (REPLIES, OTHERS, FULL)
        ]


def test_family_that_the_device_cannot_carry_has_no_route_into_it() -> None:
    items = namespace.items(planned("0.0.0.0/0 ::/0", addresses="10.8.0.2/32 fd08::2/128"), (4,))
    assert routes(items, "device") == {"0.0.0.0/0"}
    assert DeviceAddress(ip_interface("fd08::2/128")) not in items


def test_full_tunnel_comes_after_partial_ones() -> None:
    assert FULL > PARTIAL > OTHERS > REPLIES
    assert (4, PARTIAL) in rules(namespace.items(planned("10.0.0.0/8"), (4, 6)))
    assert (4, FULL) in rules(namespace.items(planned("0.0.0.0/1 128.0.0.0/1"), (4, 6)))


@pytest.mark.parametrize(
    ("routed", "bypass", "inside", "past"),
    [
        ("0.0.0.0/0", "192.168.0.0/16", {"0.0.0.0/0"}, {"192.168.0.0/16"}),
        ("10.0.0.0/8 10.1.0.0/16", "10.0.0.0/8", set(), {"10.0.0.0/8"}),
        ("10.0.0.0/8", "10.1.0.0/16", {"10.0.0.0/8"}, {"10.1.0.0/16"}),
        ("::/0 fd00::/8", "fd00::/7", {"::/0"}, {"fc00::/7"}),
    ],
)
def test_bypass_is_passed_on_whatever_allowed_ips_are_in_it(
    routed: str, bypass: str, inside: set[str], past: set[str]
) -> None:
    holes = bypass.replace("fd00::/7", "fc00::/7")
    items = namespace.items(planned(routed, holes), (4, 6))
    assert routes(items, "device") == inside
    assert routes(items, "throw") == past


def test_docker_s_routes_are_left_where_docker_chooses_the_default() -> None:
    wanted = Plan(DEVICE, (), networks("0.0.0.0/0"), own_table=False)
    assert not namespace.items(wanted, (4, 6))
    assert not namespace.blocked_exits(wanted)


def test_table_is_the_device_s_own_and_always_the_same() -> None:
    assert namespace.table(DEVICE) == namespace.table(DEVICE) != namespace.table(OTHER)
    assert namespace.is_tunnels(namespace.table(DEVICE))
    assert not namespace.is_tunnels(MAIN_TABLE - 1)


def test_nothing_is_to_do_where_all_is_as_planned() -> None:
    wanted = planned("0.0.0.0/0 ::/0", "10.0.0.0/8")
    assert not namespace.changes(wanted, (4, 6), namespace.items(wanted, (4, 6)))


def test_nothing_is_open_in_between() -> None:
    wanted = planned("0.0.0.0/0")
    halves = [Route(net, MAIN_TABLE) for net in networks("0.0.0.0/1 128.0.0.0/1")]
    todo = namespace.changes(wanted, (4,), halves)
    kinds = [item.kind if isinstance(item, Route) else type(item).__name__ for item in todo.add]
    assert kinds == ["unreachable", *["PolicyRule"] * 3, "DeviceAddress", "device"]
    assert set(todo.delete) == set(halves)


def test_unreachable_goes_last() -> None:
    todo = namespace.changes(planned(""), (4,), namespace.items(planned("10.0.0.0/8"), (4,)))
    kinds = [item.kind for item in todo.delete if isinstance(item, Route)]
    assert kinds == ["device", "unreachable"]


def test_other_tunnels_of_the_container_keep_theirs() -> None:
    own, other = namespace.table(DEVICE), namespace.table(OTHER)
    shared = [
        PolicyRule(4, REPLIES, MAIN_TABLE, namespace.MARK),
        PolicyRule(4, OTHERS, MAIN_TABLE, subnets=True),
    ]
    mine: list[Item] = [PolicyRule(4, FULL, own), Route(ip_network("0.0.0.0/0"), own)]
    theirs: list[Item] = [PolicyRule(4, PARTIAL, other)]
    assert set(namespace.removal(own, [*shared, *mine, *theirs]).delete) == set(mine)
    assert set(namespace.removal(own, [*shared, *mine]).delete) == {*shared, *mine}
    assert not namespace.changes(
        planned(""), (4,), [*shared, *theirs, DeviceAddress(ip_interface("10.8.0.2/32"))]
    )
