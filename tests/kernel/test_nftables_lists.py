"""The kernel lists the nftables that it was given, and a chain's rules are changed one by one."""

import pytest

from tests.kernel.namespaces import alone, needs_namespaces, needs_nftables
from wgplugin.kernel import nftables
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import INET, Chain, Rule, Table
from wgplugin.kernel.nftables_messages import change_chain

pytestmark = [needs_namespaces, needs_nftables]

ACCEPT = nftables.verdict(nftables.ACCEPT)
RULES: tuple[Rule, ...] = (
    (*nftables.meta(nftables.META_IIFNAME, b"wgpub"), *nftables.counter(), *ACCEPT),
    (*nftables.meta(nftables.META_OIFNAME, b"wgpub"), *ACCEPT),
    (*nftables.meta(nftables.META_IIFNAME, b"eth0\0"), *ACCEPT),
    (*nftables.meta(nftables.META_IIFNAME, b"wgpub", equal=False), *ACCEPT),
    (*nftables.meta(nftables.META_IIFNAME, b"wgpub"), *nftables.verdict(nftables.DROP)),
    (*nftables.ct_bits(nftables.CT_STATUS, 1 << 5), *ACCEPT),
    nftables.jump("other"),
    ACCEPT,
    nftables.verdict(nftables.RETURN),
)
NAMES = "abcdefghi"


def listed(netfilter: NetfilterSocket, chain: str = "c") -> str:
    """Return what each rule of a chain does, as a letter."""
    return "".join(
        name
        for found in netfilter.rules(INET, "t", chain)
        for name, rule in zip(NAMES, RULES, strict=True)
        if found.does(rule)
    )


def installed(*rules: Rule) -> NetfilterSocket:
    netfilter = NetfilterSocket()
    chains = (
        Chain("other", (ACCEPT,)),
        Chain("c", rules, hook=nftables.FORWARD, priority=-5),
    )
    netfilter.install(Table("t", chains))
    return netfilter


@alone
def test_rule_is_known_by_all_that_it_does_but_count() -> None:
    assert listed(installed(*RULES)) == NAMES


@alone
def test_chains_of_all_tables_are_listed() -> None:
    netfilter = installed()
    netfilter.install(Table("f", (Chain("x", ()),), family=2))
    chains = {(c.family, c.table, c.name, c.version, c.hook) for c in netfilter.chains()}
    assert chains == {
        (INET, "t", "c", 0, nftables.FORWARD),
        (INET, "t", "other", 0, None),
        (2, "f", "x", 4, None),
    }
    base = next(chain for chain in netfilter.chains() if chain.name == "c")
    assert (base.priority, base.policy) == (-5, nftables.ACCEPT)


@alone
def test_rules_of_a_table_are_listed_with_their_chains() -> None:
    netfilter = installed(*RULES[:2])
    assert [rule.chain for rule in netfilter.rules(INET, "t")] == ["other", "c", "c"]
    assert listed(netfilter, "other") == "h"


@alone
def test_rules_are_added_before_another_or_at_the_end_and_deleted() -> None:
    netfilter = installed(*RULES[:3])
    first, second, _ = (rule.handle for rule in netfilter.rules(INET, "t", "c"))
    netfilter.send(change_chain(INET, "t", "c", [first], RULES[3:5], second))
    assert listed(netfilter) == "debc"
    netfilter.send(change_chain(INET, "t", "c", [second], RULES[7:]))
    assert listed(netfilter) == "dechi"


@alone
def test_change_of_a_rule_that_is_gone_changes_nothing() -> None:
    netfilter = installed(*RULES[:3])
    with pytest.raises(FileNotFoundError):
        netfilter.send(change_chain(INET, "t", "c", [99], RULES[3:5]))
    assert listed(netfilter) == "abc"
