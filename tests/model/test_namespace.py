"""What a tunnel has in its container's namespace: as planned, and as it is brought about."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from wgplugin.model import namespace
from wgplugin.model.namespace import (
    MAIN_TABLE,
    MARK,
    OTHERS,
    REPLIES,
    TABLE,
    TUNNELS,
    DeviceAddress,
    Found,
    Item,
    Plan,
    PolicyRule,
    Route,
)
from wgplugin.model.prefixes import Prefix

DEVICE, OWNER, OTHER = "wgp0123456789ab", 0x1234567, 0xFFFFFFF


def networks(text: str) -> tuple[Prefix, ...]:
    return tuple(map(ip_network, text.split()))


def planned(routed: str, bypass: str = "", addresses: str = "10.8.0.2/32") -> Plan:
    own = tuple(map(ip_interface, addresses.split()))
    return Plan(DEVICE, OWNER, own, networks(routed), networks(bypass))


def found(items: Iterable[Item], *others: int) -> Found:
    return Found(frozenset(items), frozenset(others))


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
            (version, priority) for version in (4, 6) for priority in (REPLIES, OTHERS, TUNNELS)
        ]


def test_family_that_the_device_cannot_carry_has_no_route_into_it() -> None:
    items = namespace.items(planned("0.0.0.0/0 ::/0", addresses="10.8.0.2/32 fd08::2/128"), (4,))
    assert routes(items, "device") == {"0.0.0.0/0"}
    assert DeviceAddress(ip_interface("fd08::2/128")) not in items


def test_other_networks_come_before_the_tunnels_and_replies_first() -> None:
    assert REPLIES < OTHERS < TUNNELS


def test_route_into_the_device_wins_over_unreachable_and_that_over_bypass() -> None:
    everything = networks("0.0.0.0/0")
    for owner in (0, OWNER, OTHER):
        last = replace(planned(""), owner=owner, routed=everything, place=200)
        into = {route.kind: route.metric for route in all_routes(last)}
        past = replace(last, bypass=networks("10.0.0.0/8"))
        thrown = next(route.metric for route in all_routes(past) if route.kind == "throw")
        assert 0 < into["device"] < into["unreachable"] < thrown < 1 << 32


def test_place_decides_between_routes_of_two_tunnels() -> None:
    first, second = (replace(planned("0.0.0.0/0"), place=place) for place in (0, 1))
    assert replace(first, owner=OTHER).metric < replace(second, owner=0).metric
    assert first.metric != replace(first, owner=OTHER).metric


def all_routes(plan: Plan) -> list[Route]:
    return [item for item in namespace.items(plan, (4, 6)) if isinstance(item, Route)]


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
    wanted = Plan(DEVICE, OWNER, (), networks("0.0.0.0/0"), own_table=False)
    assert not namespace.items(wanted, (4, 6))
    assert not namespace.blocked_exits(wanted)


def test_route_without_a_device_has_its_network_s_number() -> None:
    for route in all_routes(planned("10.0.0.0/8", "10.1.0.0/16")):
        if route.kind != "device":
            assert namespace.owner(route) == OWNER


def test_nothing_is_to_do_where_all_is_as_planned() -> None:
    wanted = planned("0.0.0.0/0 ::/0", "10.0.0.0/8")
    assert not namespace.changes(wanted, (4, 6), found(namespace.items(wanted, (4, 6))))


def test_nothing_is_open_in_between() -> None:
    wanted = planned("0.0.0.0/0")
    halves = [Route(net, MAIN_TABLE) for net in networks("0.0.0.0/1 128.0.0.0/1")]
    todo = namespace.changes(wanted, (4,), found(halves))
    kinds = [item.kind if isinstance(item, Route) else type(item).__name__ for item in todo.add]
    assert kinds == ["unreachable", *["PolicyRule"] * 3, "DeviceAddress", "device"]
    assert set(todo.delete) == set(halves)


def test_unreachable_goes_last() -> None:
    before = found(namespace.items(planned("10.0.0.0/8"), (4,)))
    todo = namespace.changes(planned(""), (4,), before)
    kinds = [item.kind for item in todo.delete if isinstance(item, Route)]
    assert kinds == ["device", "unreachable"]


RULES: list[Item] = [
    PolicyRule(4, REPLIES, MAIN_TABLE, MARK),
    PolicyRule(4, OTHERS, MAIN_TABLE, subnets=True),
    PolicyRule(4, TUNNELS, TABLE),
]


def test_rules_are_removed_with_the_last_tunnel_of_their_family() -> None:
    own: list[Item] = [*all_routes(planned("0.0.0.0/0"))]
    assert set(namespace.removal(found([*RULES, *own], 4)).delete) == set(own)
    assert set(namespace.removal(found([*RULES, *own], 6)).delete) == {*RULES, *own}


def test_rules_of_a_family_that_an_edit_drops_are_removed_unless_another_tunnel_has_it() -> None:
    plan = planned("")
    address = DeviceAddress(ip_interface("10.8.0.2/32"))
    assert set(namespace.changes(plan, (4,), found([*RULES, address])).delete) == set(RULES)
    assert not namespace.changes(plan, (4,), found([*RULES, address], 4))
