"""What may leave a container by the devices of its other networks. Pure.

Routes and rules lead a tunnel's prefixes into the tunnel, but a program can pass over them: by a
socket that is bound to another network's device (ip(7), socket(7): SO_BINDTODEVICE), by a frame
that it makes itself (packet(7)), by a mark (SO_MARK). A neighbour can add routes by router
advertisements. So of the addresses inside the tunnel, only these are let out to other networks:
their own subnets, the prefixes in ``wireguard-bypass``, and replies to clients of theirs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from wgplugin.kernel import nftables
from wgplugin.kernel.matches import from_address, of_version
from wgplugin.kernel.nftables import Chain, PrefixSet, Rule
from wgplugin.model.namespace import MARK, OtherNetwork, Plan
from wgplugin.model.prefixes import Prefix

_FILTER = 0
_REPLY = b"\1"
_MARK = struct.pack("=I", MARK)
_ARP = b"\x08\x06"
_ALWAYS = tuple(map(ip_network, ("224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8")))
"""Destinations that are never behind a gateway: multicast, broadcast and link-local addresses."""


@dataclass(frozen=True, slots=True)
class _Family:
    """Where a family's packets have their destination: offset and length, in bytes."""

    version: int
    ether_type: bytes
    destination: int
    length: int


_FAMILIES = (
    _Family(4, b"\x08\x00", 16, 4),
    _Family(6, b"\x86\xdd", 24, 16),
)
_ETHERNET = 14
"""The length of an Ethernet header, whose last two bytes are the type of what follows."""


def is_reply() -> Rule:
    """Match replies in a connection that a client of another network began."""
    return (
        *nftables.ct(nftables.CT_DIRECTION, _REPLY),
        *nftables.ct(nftables.CT_MARK, _MARK),
    )


def exits(plan: Plan) -> Chain:
    """Return the chain that stops packets on their way to other networks, with prefix_sets().

    What may leave by a link for published ports is another chain's matter: answers.leaving().
    """
    accept, drop = nftables.verdict(nftables.ACCEPT), nftables.verdict(nftables.DROP)
    rules: list[Rule] = [
        (*nftables.meta(nftables.META_OIFTYPE, nftables.ETHERNET, equal=False), *accept),
        (*nftables.meta(nftables.META_OIFGROUP, nftables.OURS), *accept),
        (*nftables.meta(nftables.META_OIFGROUP, nftables.LINKS), *accept),
        (*is_reply(), *accept),
        *((*from_address(each.ip), *drop) for each in plan.addresses),
    ]
    for family in _families(plan):
        here = of_version(family.version)
        rules += _judged(here, nftables.NETWORK, family.destination, family)
    return Chain("exits", tuple(rules), "filter", nftables.POSTROUTING, _FILTER)


def frames(plan: Plan, devices: Iterable[str], *, routed: bool) -> Chain:
    """Return the chain that stops frames on their way out by devices, with prefix_sets().

    A frame is judged by its own bytes: what a program says of it may be wrong. With ``routed``, a
    reply must have come by the kernel's routes, which shows as a routing realm. Kernels without
    CONFIG_IP_ROUTE_CLASSID can't tell, and believe its mark.
    """
    accept, drop = nftables.verdict(nftables.ACCEPT), nftables.verdict(nftables.DROP)
    reply = nftables.meta(nftables.META_MARK, _MARK)
    if routed:
        reply += nftables.meta(nftables.META_RTCLASSID)
    rules: list[Rule] = [(*_ether_type(_ARP), *accept), (*reply, *accept)]
    for family in _families(plan):
        here = _ether_type(family.ether_type)
        rules += _judged(here, nftables.LINK, _ETHERNET + family.destination, family)
    rules += [(*_ether_type(family.ether_type), *accept) for family in _FAMILIES]
    rules.append(drop)
    names = tuple(sorted(devices))
    return Chain("frames", tuple(rules), "filter", nftables.EGRESS, _FILTER, names)


def prefix_sets(plan: Plan, others: Iterable[OtherNetwork]) -> tuple[PrefixSet, ...]:
    """Return the sets of the prefixes inside the tunnel, and of those near that may leave."""
    near = (*_ALWAYS, *plan.bypass, *(net for other in others for net in other.subnets))
    kinds = (("near", near), ("inside", plan.inside))
    return tuple(
        PrefixSet(f"{name}{family.version}", family.version, _of(family.version, prefixes))
        for family in _families(plan)
        for name, prefixes in kinds
    )


def _families(plan: Plan) -> Iterator[_Family]:
    versions = {net.version for net in plan.inside}
    return (family for family in _FAMILIES if family.version in versions)


def _judged(here: Rule, header: int, offset: int, family: _Family) -> Iterator[Rule]:
    for name, code in (("near", nftables.ACCEPT), ("inside", nftables.DROP)):
        found = nftables.within(header, offset, family.length, f"{name}{family.version}")
        yield (*here, *found, *nftables.verdict(code))


def _ether_type(kind: bytes) -> Rule:
    return nftables.payload(nftables.LINK, _ETHERNET - 2, kind)


def _of(version: int, prefixes: Iterable[Prefix]) -> tuple[Prefix, ...]:
    return tuple(net for net in prefixes if net.version == version)
