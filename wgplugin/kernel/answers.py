"""The nftables of published ports, in containers and in shared networks' routers. Pure.

A connection that comes in by a link gets a mark, and so do the answers in it, which leave by the
link. Nothing else does: whatever a program does, it begins nothing by a link, and no frame of its
own making leaves by one. All of this stands whether or not there is a link.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from wgplugin.kernel import nftables
from wgplugin.kernel.matches import to_address
from wgplugin.kernel.nftables import Chain, Rule
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import INSIDE, MARK

RAW, MANGLE, DNAT, FILTER = -300, -150, -100, 0

_LOCAL = 2
_ORIGINAL, _REPLY = b"\0", b"\1"
_MARK = struct.pack("=I", MARK)

_ACCEPT = nftables.verdict(nftables.ACCEPT)
_COUNTED_DROP = (*nftables.counter(), *nftables.verdict(nftables.DROP))


def in_by_link() -> Rule:
    """Match what comes in by a link."""
    return nftables.meta(nftables.META_IIFGROUP, nftables.LINKS)


def out_by_link() -> Rule:
    """Match what leaves by a link."""
    return nftables.meta(nftables.META_OIFGROUP, nftables.LINKS)


def is_answer() -> Rule:
    """Match replies in a connection that came in by a link, or by a router from one."""
    return (
        *nftables.ct(nftables.CT_DIRECTION, _REPLY),
        *nftables.ct(nftables.CT_MARK, _MARK),
    )


def begins(*match: bytes) -> Rule:
    """Give connections that begin with matching packets the mark."""
    return (*match, *nftables.ct(nftables.CT_DIRECTION, _ORIGINAL), *nftables.set_ct_mark(MARK))


def come() -> Iterator[Rule]:
    """Mark what comes in by a link: its connection, and itself, for the check of its source."""
    yield begins(*in_by_link())
    yield (*in_by_link(), *nftables.set_mark(MARK))


def answered(*match: bytes) -> Rule:
    """Give matching packets that are answers the mark, by which they are routed."""
    return (*match, *is_answer(), *nftables.set_mark(MARK))


def stray() -> Rule:
    """Drop what comes in by a link to another address than those of the link."""
    return (
        *in_by_link(),
        *nftables.address_type(nftables.FIB_DADDR | nftables.FIB_IIF, _LOCAL, equal=False),
        *_COUNTED_DROP,
    )


def leaving() -> Chain:
    """Return the chain that lets nothing but answers out by a link."""
    answers = (*out_by_link(), *is_answer(), *_ACCEPT)
    others = (*out_by_link(), *_COUNTED_DROP)
    return Chain("answers", (answers, others), "filter", nftables.POSTROUTING, FILTER)


def frames(*, routed: bool) -> Chain:
    """Return the chain that lets no frame out by a link that a program made; see exits.frames()."""
    answer = nftables.meta(nftables.META_MARK, _MARK)
    if routed:
        answer += nftables.meta(nftables.META_RTCLASSID)
    rules = ((*answer, *_ACCEPT), _COUNTED_DROP)
    return Chain("answers", rules, "filter", nftables.EGRESS, FILTER, (INSIDE,))


def translations(pairs: Iterable[tuple[IPAddress, IPAddress]], *match: bytes) -> tuple[Rule, ...]:
    """Translate addresses of a link to other ones, in matching packets."""
    return tuple(
        (
            *in_by_link(),
            *to_address(address),
            *match,
            *nftables.dnat(to.packed),
        )
        for address, to in pairs
    )
