"""A tunnel's nftables in its container: clients, exits, and names. Pure.

A reply to a client of another network is known by its connection, which got a mark when its first
packet came in by that network's device. So any number of tunnels agree on it, and it stays true
when the tunnel's address changes.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator

from wgplugin.kernel import answers, names, nftables
from wgplugin.kernel.exits import exits, frames, is_reply, prefix_sets
from wgplugin.kernel.matches import to_address
from wgplugin.kernel.nftables import Chain, PrefixSet, Rule, Table
from wgplugin.model.answers import BY_ROUTE, source_addresses
from wgplugin.model.namespace import MARK, OtherNetwork, Plan

RAW, MANGLE = -300, -150

_LOCAL = 2
_IPV6, _ICMPV6 = bytes([socket.AF_INET6]), bytes([socket.IPPROTO_ICMPV6])
_ROUTER_ADVERTISEMENT, _REDIRECT = b"\x86", b"\x89"
_DROP = nftables.verdict(nftables.DROP)


def table_name(owner: int) -> str:
    """Return the name of a tunnel's tables, given its network's number."""
    return f"wireguard-{owner:07x}"


def table(plan: Plan, others: Iterable[OtherNetwork]) -> Table:
    """Return a plan's table for packets."""
    chains = [
        *_clients(plan),
        Chain("intruders", (*_intruders(plan),), hook=nftables.PREROUTING, priority=RAW),
        answers.leaving(),
    ]
    if plan.link:
        chains.append(_datagrams(plan))
    sets: tuple[PrefixSet, ...] = ()
    if plan.inside:
        chains.append(exits(plan))
        sets = prefix_sets(plan, others)
    return Table(table_name(plan.owner), (*chains, *names.chains(plan)), sets)


def frame_table(
    plan: Plan, others: Collection[OtherNetwork], *, routed: bool = True
) -> Table | None:
    """Return a plan's table for frames, None if it needs none; see exits.frames().

    The devices must be there, and so must the link for published ports if the plan has one.
    """
    chains: list[Chain] = []
    sets: tuple[PrefixSet, ...] = ()
    if others and plan.inside:
        chains.append(frames(plan, (other.ifname for other in others), routed=routed))
        sets = prefix_sets(plan, others)
    if plan.link:
        chains.append(answers.frames(routed=routed))
    if not chains:
        return None
    return Table(table_name(plan.owner), tuple(chains), sets, family=nftables.NETDEV)


def _clients(plan: Plan) -> Iterator[Chain]:
    """Mark connections that clients begin, and the replies to them.

    They are those of other networks, and of published ports: these come in by a link, or by the
    device of a shared network.
    """
    begun = (
        *_from_others(),
        *nftables.ct(nftables.CT_DIRECTION, b"\0"),
        *nftables.address_type(nftables.FIB_DADDR, _LOCAL),
        *nftables.set_ct_mark(MARK),
    )
    by_router = [
        answers.begins(*nftables.meta(nftables.META_IIFGROUP, nftables.OURS), *to_address(each.ip))
        for each in plan.addresses
        if plan.answers
    ]
    rules = (begun, *answers.come(), *by_router)
    yield Chain("clients", rules, "filter", nftables.PREROUTING, MANGLE)
    replies = ((*is_reply(), *nftables.set_mark(MARK)), answers.answered())
    yield Chain("replies", replies, "route", nftables.OUTPUT, MANGLE)


def _datagrams(plan: Plan) -> Chain:
    """Have datagrams come to the tunnel's address, which the answers to them have by most routes.

    A server for TCP has the address that it was asked by, but one for UDP may ask for none.
    """
    own = source_addresses(plan, (4, 6))
    asked = (each.ip for each in plan.link.addresses) if plan.link else ()
    pairs = [(each, own[each.version]) for each in asked if each.version in own]
    rules = [
        rule
        for protocol in BY_ROUTE
        for rule in answers.translations(
            pairs, *nftables.meta(nftables.META_L4PROTO, bytes([protocol]))
        )
    ]
    return Chain("datagrams", tuple(rules), "nat", nftables.PREROUTING, answers.DNAT)


def _intruders(plan: Plan) -> Iterator[Rule]:
    """Drop packets that mustn't come in: before conntrack sees them.

    From the tunnel, these are packets to addresses of other networks. From other networks, packets
    to the tunnel's addresses. From links, packets to any address but their own. From all, router
    advertisements and redirects: they would change routes, and the neighbours in a shared network
    can send them, too.
    """
    yield (
        *nftables.meta(nftables.META_IIFGROUP, nftables.OURS),
        *nftables.address_type(nftables.FIB_DADDR, _LOCAL),
        *nftables.address_type(nftables.FIB_DADDR | nftables.FIB_IIF, _LOCAL, equal=False),
        *_DROP,
    )
    yield answers.stray()
    for address in plan.addresses:
        yield (*_from_others(), *to_address(address.ip), *_DROP)
    if any(net.version == 6 for net in plan.inside):
        for kind in (_ROUTER_ADVERTISEMENT, _REDIRECT):
            yield (
                *nftables.meta(nftables.META_IIFTYPE, nftables.ETHERNET),
                *nftables.meta(nftables.META_NFPROTO, _IPV6),
                *nftables.meta(nftables.META_L4PROTO, _ICMPV6),
                *nftables.payload(nftables.TRANSPORT, 0, kind),
                *_DROP,
            )


def _from_others() -> Rule:
    """Match packets that come in by another network's device."""
    return (
        *nftables.meta(nftables.META_IIFTYPE, nftables.ETHERNET),
        *nftables.meta(nftables.META_IIFGROUP, nftables.OURS, nftables.LINKS, equal=False),
    )
