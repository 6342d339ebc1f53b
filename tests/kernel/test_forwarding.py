"""DOCKER-USER lets links pass, and chains that stop them are known."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.kernel import forwarding, nftables, nftables_lists
from wgplugin.kernel.attributes import nest, pack, pack_text
from wgplugin.kernel.nftables import INET, Rule
from wgplugin.kernel.nftables_lists import FoundChain, FoundRule

IN, OUT = forwarding.PASS
ACCEPT, DROP, RETURN = map(nftables.verdict, (nftables.ACCEPT, nftables.DROP, nftables.RETURN))
COUNTED_RETURN = (*nftables.counter(), *RETURN)
REJECT = (nest(1, pack_text(1, "reject") + nest(2, b"")),)
USER_S = (*nftables.meta(nftables.META_IIFNAME, b"eth0\0"), *DROP)
REDIRECTED = (*nftables.ct_bits(nftables.CT_STATUS, 1 << 5), *ACCEPT)
DOCKER_S = nftables.jump("DOCKER-USER")
OTHERS = (USER_S, ACCEPT, (*nftables.meta(nftables.META_IIFNAME, b"wgpub"), *DROP))
IPV4, IPV6 = 2, 10


def found(*rules: Rule) -> list[FoundRule]:
    """Return rules as the kernel lists them."""
    head = struct.pack(">BBH", IPV4, 0, 0) + pack_text(1, "filter") + pack_text(2, "DOCKER-USER")
    bodies = [
        head + pack(3, struct.pack(">Q", handle)) + nest(4, b"".join(rule))
        for handle, rule in enumerate(rules, 1)
    ]
    return list(nftables_lists.rules(bodies))


def after(rules: list[Rule], wanted: bool) -> list[Rule]:
    """Return the rules as they are after the edit."""
    edit = forwarding.edit(found(*rules), wanted)
    result: list[Rule] = []
    for handle, rule in enumerate(rules, 1):
        if handle == edit.before:
            result += edit.add
        if handle not in edit.delete:
            result.append(rule)
    return result if edit.before else [*result, *edit.add]


RULES = st.lists(st.sampled_from([IN, OUT, RETURN, COUNTED_RETURN, *OTHERS]), max_size=8)


@given(RULES)
def test_links_pass_before_the_return_once_each_and_the_rest_stays(rules: list[Rule]) -> None:
    result = after(rules, wanted=True)
    returns = [place for place, rule in enumerate(result) if rule in (RETURN, COUNTED_RETURN)]
    reached = result[: returns[0]] if returns else result
    assert [reached.count(each) for each in forwarding.PASS] == [1, 1]
    assert [result.count(each) for each in forwarding.PASS] == [1, 1]
    assert [each for each in result if each not in forwarding.PASS] == [
        each for each in rules if each not in forwarding.PASS
    ]
    assert forwarding.edit(found(*result), wanted=True) in (
        forwarding.Edit(),
        forwarding.Edit(before=len(reached) + 1),
    )


@given(RULES)
def test_rules_for_links_and_no_others_are_taken_back(rules: list[Rule]) -> None:
    result = after(rules, wanted=False)
    assert result == [each for each in rules if each not in forwarding.PASS]


@given(RULES)
def test_rules_that_are_added_come_after_the_user_s(rules: list[Rule]) -> None:
    user_s = [each for each in rules if each not in forwarding.PASS]
    result = after(user_s, wanted=True)
    end = result.index(IN)
    assert result[:end] == user_s[:end]
    assert result[end : end + 2] == [IN, OUT]
    assert all(each in (RETURN, COUNTED_RETURN) for each in user_s[end : end + 1])


@pytest.mark.parametrize(
    ("policy", "rules", "expected"),
    [
        (nftables.ACCEPT, [], False),
        (nftables.ACCEPT, [USER_S], False),
        (nftables.ACCEPT, [DROP, ACCEPT], False),
        (nftables.ACCEPT, [USER_S, DROP], True),
        (nftables.ACCEPT, [USER_S, (*nftables.counter(), *DROP)], True),
        (nftables.ACCEPT, [REJECT], True),
        (nftables.DROP, [], True),
        (nftables.DROP, [USER_S, IN], True),
        (nftables.DROP, [IN, OUT], False),
        (nftables.ACCEPT, [OUT, IN, REJECT], False),
        (nftables.DROP, [(*nftables.meta(nftables.META_IIFNAME, b"wgpub"), *ACCEPT), OUT], False),
        (nftables.DROP, [REDIRECTED], False),
        (nftables.DROP, [DOCKER_S, USER_S], False),
        (nftables.DROP, [nftables.jump("OTHER")], True),
    ],
)
def test_chain_stops_links_if_it_ends_with_a_drop_and_accepts_them_nowhere(
    policy: int, rules: list[Rule], expected: bool
) -> None:
    chain = FoundChain(INET, "t", "c", 1, nftables.FORWARD, 0, policy)
    assert forwarding.stops(chain, found(*rules)) == expected


@pytest.mark.parametrize(
    ("family", "hook", "versions", "expected"),
    [
        (IPV4, nftables.FORWARD, {4}, True),
        (IPV4, nftables.FORWARD, {6}, False),
        (IPV6, nftables.FORWARD, {4, 6}, True),
        (IPV6, nftables.FORWARD, {4}, False),
        (INET, nftables.FORWARD, {6}, True),
        (INET, nftables.OUTPUT, {4, 6}, False),
        (nftables.NETDEV, nftables.FORWARD, {4, 6}, False),
        (IPV4, None, {4}, False),
    ],
)
def test_only_chains_for_what_is_forwarded_of_these_versions_count(
    family: int, hook: int | None, versions: set[int], expected: bool
) -> None:
    assert forwarding.is_passed(FoundChain(family, "t", "c", 1, hook), versions) == expected


@pytest.mark.parametrize(
    ("chain", "advice"),
    [
        (FoundChain(IPV4, "filter", "FORWARD", 1), "iptables -I FORWARD -i wgpub+ -j ACCEPT; "),
        (FoundChain(IPV6, "filter", "FORWARD", 1), "ip6tables -I FORWARD -o wgpub+ -j ACCEPT)"),
        (
            FoundChain(INET, "fw", "fwd", 1),
            "nft insert rule inet fw fwd iifname '\"wgpub*\"' accept",
        ),
        (
            FoundChain(IPV6, "fw", "fwd", 1),
            "nft insert rule ip6 fw fwd oifname '\"wgpub*\"' accept",
        ),
    ],
)
def test_advice_is_what_to_type(chain: FoundChain, advice: str) -> None:
    assert advice in forwarding.advice(chain)


def test_docker_user_is_that_of_iptables_alone() -> None:
    assert forwarding.is_docker_s(FoundChain(IPV4, "filter", "DOCKER-USER", 1))
    assert forwarding.is_docker_s(FoundChain(IPV6, "filter", "DOCKER-USER", 1))
    assert not forwarding.is_docker_s(FoundChain(INET, "filter", "DOCKER-USER", 1))
    assert not forwarding.is_docker_s(FoundChain(IPV4, "nat", "DOCKER-USER", 1))
