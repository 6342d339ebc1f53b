"""The nftables of a shared network's router. Pure.

Whatever isn't let through is dropped, in both directions. So the way out is the tunnel, and peers
reach what a plan opens for them. Clients of published ports come by a link, and get answers by it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from wgplugin.kernel import answers, nftables
from wgplugin.kernel.firewall import table_name
from wgplugin.kernel.limits import limited, limits_chains, limits_maps, limits_sets, within_limits
from wgplugin.kernel.matches import of_version, redirected, to_port
from wgplugin.kernel.nftables import Chain, Rule, Table
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import Protocol
from wgplugin.model.router import BRIDGE, DEVICE, Forward, RouterPlan

DNAT, FILTER, MANGLE, SOURCE_NAT = -100, 0, -150, 100

_ESTABLISHED, _RELATED = 1 << 1, 1 << 2
"""Bits of a connection's state (linux/netfilter/nf_conntrack_common.h)."""

NAMES_BY: tuple[Protocol, ...] = ("udp", "tcp")
DNS_PORT = 53

_LOCAL = 2
_TCP_FLAGS, _SYN = 13, b"\x02"
_NAME_SIZE = 16
_ACCEPT, _DROP = nftables.verdict(nftables.ACCEPT), nftables.verdict(nftables.DROP)


def router_table(plan: RouterPlan) -> Table:
    """Return a plan's table."""
    come = (*answers.come(), answers.answered(*_in_by(BRIDGE)))
    chains = [
        *limits_chains(plan.limits),
        Chain("strays", (answers.stray(),), "filter", nftables.PREROUTING, answers.RAW),
        Chain("clients", come, "filter", nftables.PREROUTING, MANGLE),
        Chain("replies", (answers.answered(),), "route", nftables.OUTPUT, MANGLE),
        answers.leaving(),
        Chain("forward", (*_forwarded(plan), _DROP), "filter", nftables.FORWARD, FILTER),
        Chain("own", tuple(_to_router(plan)), "filter", nftables.INPUT, FILTER),
        Chain("sizes", (_clamped(),), "filter", nftables.FORWARD, MANGLE),
    ]
    if plan.forwards and not plan.internal:
        rules = tuple(_redirected(each, each.address) for each in plan.forwards if each.address)
        chains.append(Chain("forwards", rules, "nat", nftables.PREROUTING, DNAT))
    if plan.answers:
        rules = answers.translations(plan.answers)
        chains.append(Chain("ports", rules, "nat", nftables.PREROUTING, DNAT))
    if plan.nat:
        rule = (*_out_by(DEVICE), *nftables.masquerade())
        chains.append(Chain("sources", (rule,), "nat", nftables.POSTROUTING, SOURCE_NAT))
    sets, maps = limits_sets(plan.limits), limits_maps(plan.limits)
    return Table(table_name(plan.owner), tuple(chains), sets, maps)


def _forwarded(plan: RouterPlan) -> Iterator[Rule]:
    """Let through what the network allows.

    With br_netfilter, what passes from port to port of the bridge is seen here, too.
    """
    if not plan.isolate:
        yield (*_in_by(BRIDGE), *_out_by(BRIDGE), *_ACCEPT)
    if plan.internal:
        return
    yield (*answers.in_by_link(), *_out_by(BRIDGE), *redirected(), *_ACCEPT)
    yield (*answers.in_by_link(), *nftables.counter(), *_DROP)
    # Before the rule for what is established, as a limit may be newer than that.
    for rule in within_limits(plan.limits):
        yield (*_in_by(DEVICE), *rule)
    yield (*nftables.ct_bits(nftables.CT_STATE, _ESTABLISHED | _RELATED), *_ACCEPT)
    yield (*_in_by(BRIDGE), *_out_by(DEVICE), *_ACCEPT)
    wanted = redirected() if plan.nat else ()
    yield (*_in_by(DEVICE), *_out_by(BRIDGE), *wanted, *_ACCEPT)
    if plan.hub and not plan.isolate:
        yield (*_in_by(DEVICE), *_out_by(DEVICE), *_ACCEPT)


def _to_router(plan: RouterPlan) -> Iterator[Rule]:
    """Let peers alone ask the router for names, and peers with a limit ask for nothing else.

    By the router, a container's queries would leave past the tunnel.
    """
    ask = [to_port(protocol, DNS_PORT) for protocol in NAMES_BY]
    for query in ask:
        yield (*_not_in_by(DEVICE), *query, *_DROP)
    for rule in limited(plan.limits):
        for query in ask:
            yield (*_in_by(DEVICE), *rule, *query, *_ACCEPT)
        yield (*_in_by(DEVICE), *rule, *_DROP)


def _clamped() -> Rule:
    """Keep TCP's packets small enough for the tunnel: ICMP's complaints may be lost."""
    return (
        *_out_by(DEVICE),
        *nftables.meta(nftables.META_L4PROTO, bytes([socket.IPPROTO_TCP])),
        *nftables.masked(nftables.TRANSPORT, _TCP_FLAGS, _SYN, _SYN),
        *nftables.clamp_mss(),
    )


def _redirected(forward: Forward, address: IPAddress) -> Rule:
    return (
        *_in_by(DEVICE),
        *of_version(address.version),
        *nftables.address_type(nftables.FIB_DADDR, _LOCAL),
        *to_port(forward.protocol, forward.port),
        *nftables.dnat(address.packed, forward.to),
    )


def _in_by(device: str) -> Rule:
    return nftables.meta(nftables.META_IIFNAME, _name(device))


def _not_in_by(device: str) -> Rule:
    return nftables.meta(nftables.META_IIFNAME, _name(device), equal=False)


def _out_by(device: str) -> Rule:
    return nftables.meta(nftables.META_OIFNAME, _name(device))


def _name(device: str) -> bytes:
    return device.encode().ljust(_NAME_SIZE, b"\0")
