"""Whether the firewalls of a host let through what links forward, and the rules for that. Pure.

Docker's FORWARD chain drops what no rule accepts, and has a chain for others' rules: DOCKER-USER.
There the plugin has two rules for all links, as iptables would make them. They come last, before a
final return, so that what the user forbids there stays forbidden.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wgplugin.kernel import nftables
from wgplugin.kernel.matches import redirected
from wgplugin.kernel.nftables import Rule
from wgplugin.kernel.nftables_lists import FoundChain, FoundRule
from wgplugin.model.published import LINK_PREFIX

DOCKER_CHAIN = "DOCKER-USER"

_IPTABLES = "filter"
_TOOLS = {4: "iptables", 6: "ip6tables"}
_FAMILIES = {4: "ip", 6: "ip6", 0: "inet"}
_LINKS = LINK_PREFIX.encode()
_ACCEPT, _DROP = nftables.verdict(nftables.ACCEPT), nftables.verdict(nftables.DROP)
_RETURN = nftables.verdict(nftables.RETURN)

PASS: tuple[Rule, ...] = (
    (*nftables.meta(nftables.META_IIFNAME, _LINKS), *nftables.counter(), *_ACCEPT),
    (*nftables.meta(nftables.META_OIFNAME, _LINKS), *nftables.counter(), *_ACCEPT),
)
"""The rules that `iptables -A DOCKER-USER -i wgpub+ -j ACCEPT` makes, and the same with -o."""

_ALL_REDIRECTED = (*redirected(), *_ACCEPT)
"""firewalld's rule for what other rules redirect."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of DOCKER-USER: the handles of rules to delete, and rules to add.

    ``before``: the handle of the rule that they come before, 0 for the chain's end.
    """

    delete: tuple[int, ...] = ()
    add: tuple[Rule, ...] = ()
    before: int = 0


def is_docker_s(chain: FoundChain) -> bool:
    """Return whether a chain is DOCKER-USER, of iptables or ip6tables."""
    return bool(chain.version) and (chain.table, chain.name) == (_IPTABLES, DOCKER_CHAIN)


def edit(rules: Sequence[FoundRule], wanted: bool) -> Edit:
    """Return how DOCKER-USER gets each of `PASS` once, where a packet gets to it, or none."""
    end = next((place for place, rule in enumerate(rules) if rule.does(_RETURN)), len(rules))
    stay = [_first(rules[:end], each) if wanted else 0 for each in PASS]
    own = (rule.handle for rule in rules if any(map(rule.does, PASS)))
    return Edit(
        tuple(handle for handle in own if handle not in stay),
        tuple(each for each, handle in zip(PASS, stay, strict=True) if wanted and not handle),
        rules[end].handle if end < len(rules) else 0,
    )


def is_passed(chain: FoundChain, versions: Collection[int]) -> bool:
    """Return whether what is forwarded passes a chain, of one of these IP versions."""
    family = chain.version in versions if chain.version else chain.family == nftables.INET
    return family and chain.hook == nftables.FORWARD


def stops(chain: FoundChain, rules: Sequence[FoundRule]) -> bool:
    """Return whether a base chain ends with a drop, and has nothing before for what links forward.

    That is a jump to DOCKER-USER, which has `PASS`, or what advice() says, or firewalld's rule.
    """
    if chain.policy != nftables.DROP and not (rules and _is_end(rules[-1])):
        return False
    passed = _first(rules, nftables.jump(DOCKER_CHAIN)) or _first(rules, _ALL_REDIRECTED)
    return not passed and not all(_first(rules, each) for each in PASS)


def advice(chain: FoundChain) -> str:
    """Return which chain it is that stops packets, and what to do."""
    if chain.version and chain.table == _IPTABLES:
        return iptables_advice(chain.version, chain.name)
    place = f"{_FAMILIES[chain.version]} {chain.table} {chain.name}"
    commands = (
        f"nft insert rule {place} {way}ifname '\"{LINK_PREFIX}*\"' accept" for way in ("i", "o")
    )
    return f"nftables' chain {place} stops them (try: {'; '.join(commands)})"


def iptables_advice(version: int, chain: str) -> str:
    """Return the same for a chain of iptables or ip6tables."""
    tool = _TOOLS[version]
    commands = (f"{tool} -I {chain} -{way} {LINK_PREFIX}+ -j ACCEPT" for way in ("i", "o"))
    return f"the chain {chain} of {tool} stops them (try: {'; '.join(commands)})"


def _first(rules: Sequence[FoundRule], wanted: Rule) -> int:
    """Return the handle of the first rule like this, 0 if there is none."""
    return next((rule.handle for rule in rules if rule.does(wanted)), 0)


def _is_end(rule: FoundRule) -> bool:
    """Return whether a rule stops whatever comes to it."""
    return rule.does(_DROP) or [each.name for each in rule.expressions] == ["reject"]
