"""Of several tunnels in a container, one wins for each prefix and each name: always the same."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.model.namespace import Plan
from wgplugin.model.order import arrange

SERVER = IPv4Address("10.8.0.1")


def tunnel(name: str, routed: str, priority: int = 0, *, dns: bool = True) -> Plan:
    return Plan(
        device=f"device-{name}",
        owner=len(name),
        addresses=(),
        routed=tuple(map(ip_network, routed.split())),
        dns=SERVER if dns else None,
        priority=priority,
        configuration=name,
    )


FULL_A, FULL_B = tunnel("a", "0.0.0.0/0"), tunnel("b", "0.0.0.0/1 128.0.0.0/1 0.0.0.0/0")
SPLIT = tunnel("0", "10.0.0.0/8")


def places(*plans: Plan) -> dict[str, int]:
    return {plan.configuration: plan.place for plan in arrange(plans)}


def asked(*plans: Plan) -> list[str]:
    return [plan.configuration for plan in arrange(plans) if plan.dns and plan.all_names]


def test_first_name_wins_for_a_prefix_that_two_tunnels_have() -> None:
    assert places(FULL_B, FULL_A) == {"a": 0, "b": 1}


def test_higher_priority_wins_over_the_name() -> None:
    assert places(FULL_A, replace(FULL_B, priority=1)) == {"b": 0, "a": 1}
    assert places(replace(FULL_A, priority=-1), FULL_B) == {"b": 0, "a": 1}


def test_tunnels_for_different_prefixes_have_the_first_place_each() -> None:
    assert places(FULL_A, SPLIT) == {"a": 0, "0": 0}


def test_tunnels_that_share_a_prefix_by_a_third_one_have_different_places() -> None:
    both = tunnel("m", "10.0.0.0/8 172.16.0.0/12")
    third = tunnel("z", "172.16.0.0/12")
    assert places(SPLIT, both, third) == {"0": 0, "m": 1, "z": 2}


@pytest.mark.parametrize(
    ("plans", "name"),
    [
        ((SPLIT, FULL_A), "a"),
        ((SPLIT, replace(SPLIT, configuration="1", device="1")), "0"),
        ((FULL_A, FULL_B), "a"),
        ((FULL_A, replace(FULL_B, priority=1)), "b"),
        ((SPLIT, replace(FULL_A, dns=None)), "0"),
    ],
    ids=["full", "first-split", "first-full", "priority", "full-without-dns"],
)
def test_all_names_are_asked_of_one_server(plans: tuple[Plan, ...], name: str) -> None:
    assert asked(*plans) == [name]


def test_tunnel_alone_is_asked_for_all_names() -> None:
    assert asked(SPLIT) == ["0"]
    assert arrange([replace(SPLIT, dns=None)]) == (replace(SPLIT, dns=None),)


plans = st.lists(
    st.builds(
        tunnel,
        st.sampled_from("abcd"),
        st.sampled_from(("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/8 172.16.0.0/12", "")),
        st.integers(-1, 1),
        dns=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda plan: plan.device,
)


@given(plans)
def test_order_of_joining_decides_nothing(together: list[Plan]) -> None:
    assert len({arrange(order) for order in permutations(together)}) == 1


@given(plans)
def test_no_two_tunnels_have_one_place_for_a_prefix(together: list[Plan]) -> None:
    taken = [(net, plan.place) for plan in arrange(together) for net in plan.inside]
    assert len(taken) == len(set(taken))
