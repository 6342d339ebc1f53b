"""What leads answers to clients of published ports out, as it is planned."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from wgplugin.model import answers, namespace
from wgplugin.model.namespace import Item, Plan, PolicyRule, Route
from wgplugin.model.prefixes import EVERYTHING
from wgplugin.model.published import LAST, MARK, PRIORITY, TABLE, Link, link_addresses
from wgplugin.model.router import RouterPlan

OWN = tuple(map(ip_interface, ("10.8.0.2/32", "10.8.0.3/32", "fd08::2/128")))
BARE = Plan("wgp0123456789ab", 0x1234567, OWN, tuple(EVERYTHING.values()))
PLAN = replace(BARE, link=Link("wgpub0123456789", link_addresses(5, (4, 6))))
MEMBER = replace(
    BARE,
    answers=True,
    hops=(ip_address("172.20.0.1"), ip_address("fe80::99")),
    subnets=(ip_network("172.20.0.0/16"),),
)
ROUTER = RouterPlan("wgpaaaaaaaaaaaa", 0x1234567, (ip_interface("172.20.0.1/16"),), (), ())


def routes(items: frozenset[Item]) -> set[tuple[str, str, str]]:
    found = (item for item in items if isinstance(item, Route))
    return {(item.kind, str(item.destination), str(item.via or "")) for item in found}


def rules(items: frozenset[Item]) -> set[tuple[int, int, int, str, int]]:
    found = (item for item in items if isinstance(item, PolicyRule))
    return {(r.version, r.priority, r.mark, str(r.source or ""), r.protocol) for r in found}


def test_without_published_ports_there_is_nothing() -> None:
    assert answers.container_items(BARE, (4, 6)) == frozenset()
    assert answers.router_items(ROUTER) == frozenset()


def test_answers_leave_by_the_link_to_the_host() -> None:
    items = answers.container_items(PLAN, (4, 6))
    assert routes(items) == {
        ("device", "0.0.0.0/0", "169.254.192.1"),
        ("device", "::/0", "fd77:6770:7562::1"),
    }
    assert rules(items) == {
        (4, PRIORITY, MARK, "", 0),
        (4, PRIORITY, 0, "169.254.192.5/32", 0),
        (4, LAST, 0, "", 17),
        (4, LAST, 0, "", 132),
        (6, PRIORITY, MARK, "", 0),
        (6, PRIORITY, 0, "fd77:6770:7562::5/128", 0),
        (6, LAST, 0, "", 17),
        (6, LAST, 0, "", 132),
    }


def test_answers_have_no_rule_of_a_family_that_the_link_has_not() -> None:
    one = replace(PLAN, link=Link("wgpub0123456789", link_addresses(5, (4,))))
    assert {rule[0] for rule in rules(answers.container_items(one, (4, 6)))} == {4}


@pytest.mark.parametrize(
    ("families", "sources"),
    [((4, 6), {"10.8.0.2", "fd08::2"}), ((4,), {"10.8.0.2", "None"})],
)
def test_source_of_datagrams_is_the_tunnel_s_first_address_that_its_device_carries(
    families: tuple[int, ...], sources: set[str]
) -> None:
    items = answers.container_items(PLAN, families)
    assert {str(item.source) for item in items if isinstance(item, Route)} == sources


def test_member_answers_by_the_router_and_its_neighbours_directly() -> None:
    items = answers.container_items(MEMBER, (4, 6))
    assert routes(items) == {
        ("device", "0.0.0.0/0", "172.20.0.1"),
        ("device", "::/0", "fe80::99"),
        ("throw", "172.20.0.0/16", ""),
    }
    assert rules(items) == {
        (version, priority, mark, "", 0)
        for version in (4, 6)
        for priority, mark in ((PRIORITY, MARK), (LAST, 0))
    }


def test_two_members_answers_have_different_routes() -> None:
    one, other = (
        answers.container_items(replace(MEMBER, owner=owner, place=place), (4, 6))
        for place, owner in enumerate((0x1234567, 0x89ABCDE))
    )
    assert not {item for item in one & other if isinstance(item, Route)}


def test_router_s_marked_packets_reach_its_containers() -> None:
    plan = replace(ROUTER, link=Link("wgpub0123456789", link_addresses(5, (4,))))
    items = answers.router_items(plan)
    assert routes(items) == {
        ("device", "0.0.0.0/0", "169.254.192.1"),
        ("throw", "172.20.0.0/16", ""),
    }
    assert rules(items) == {(4, PRIORITY, MARK, "", 0)}


def test_all_of_it_is_in_a_table_of_its_own() -> None:
    for plan in (PLAN, MEMBER):
        items = answers.container_items(plan, (4, 6))
        assert {item.table for item in items if isinstance(item, Route | PolicyRule)} == {TABLE}
        assert not items & namespace.items(plan, (4, 6))
