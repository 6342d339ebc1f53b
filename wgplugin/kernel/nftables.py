"""nftables as values, and the expressions of their rules as bytes. Pure.

Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wgplugin.kernel.attributes import nest, pack, pack_text
from wgplugin.model import published
from wgplugin.model.namespace import GROUP
from wgplugin.model.prefixes import Prefix

INET, NETDEV = 1, 5
"""Families of tables: for packets of IPv4 and IPv6, and for the frames of a device."""

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = 0, 1, 2, 3, 4
"""Hooks of the inet family."""

EGRESS = 1
"""A hook of the netdev family, from Linux 5.16 on."""

ACCEPT, DROP, RETURN = 1, 0, -5

ETHERNET = struct.pack("=H", 1)
"""The type of Docker's links (linux/if_arp.h)."""

OURS = struct.pack("=I", GROUP)
"""The group of the tunnels' devices, some of which have Ethernet, too: those of shared networks."""

LINKS = struct.pack("=I", published.GROUP)
"""The group of the links for published ports."""

META_MARK, META_IIFNAME, META_OIFNAME = 3, 6, 7
META_IIFTYPE, META_OIFTYPE, META_NFPROTO, META_L4PROTO = 8, 9, 15, 16
META_RTCLASSID, META_IIFGROUP, META_OIFGROUP = 13, 21, 22
CT_STATE, CT_DIRECTION, CT_STATUS, CT_MARK, CT_PROTO_DST = 0, 1, 2, 3, 12
FIB_DADDR, FIB_IIF = 2, 8
LINK, NETWORK, TRANSPORT = 0, 1, 2
"""The headers from which a payload's offset counts."""

_IPV4, _IPV6 = 2, 10
_JUMP = -3
_VERDICT, _REGISTER, _SECOND = 0, 1, 2
_FIB_ADDRTYPE = 3
_DNAT = 1
_TCP_MSS_OF_ROUTE, _TO_NETWORK_ORDER = 3, 1
_TCP_OPTION, _MSS, _MSS_OFFSET, _MSS_LENGTH = 1, 2, 2, 2

Expression = bytes
Rule = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; without a hook, it is for other chains to jump to.

    ``devices`` are the names of those whose frames it sees, in the netdev family.
    """

    name: str
    rules: tuple[Rule, ...]
    kind: Literal["filter", "route", "nat"] = "filter"
    hook: int | None = None
    priority: int = 0
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrefixSet:
    """A set of prefixes of one family, for rules to look up addresses in."""

    name: str
    version: int
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class PrefixMap:
    """The chain for each of some prefixes of one family, none of which holds another."""

    name: str
    version: int
    chains: tuple[tuple[Prefix, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, with all that is in it."""

    name: str
    chains: tuple[Chain, ...]
    sets: tuple[PrefixSet, ...] = ()
    maps: tuple[PrefixMap, ...] = ()
    family: int = INET


def meta(key: int, *values: bytes, equal: bool = True) -> Rule:
    """Match a property of the packet (META_…) that equals, or differs from, each value."""
    return _match("meta", _number(1, _REGISTER) + _number(2, key), values, equal)


def set_mark(mark: int) -> Rule:
    """Give the packet a mark."""
    return (
        _immediate(pack(1, struct.pack("=I", mark))),
        _expression("meta", _number(2, META_MARK) + _number(3, _REGISTER)),
    )


def payload(header: int, offset: int, value: bytes, *, equal: bool = True) -> Rule:
    """Match bytes of the packet, at an offset in bytes from a header."""
    place = (_REGISTER, header, offset, len(value))
    return _match("payload", _numbers(*place), (value,), equal)


def masked(header: int, offset: int, mask: bytes, value: bytes) -> Rule:
    """Match bytes of the packet under a mask; see payload()."""
    load = _expression("payload", _numbers(_REGISTER, header, offset, len(mask)))
    return (load, _masked(mask), _compare(value, True))


def ct(key: int, value: bytes, *, original: bool = False) -> Rule:
    """Match a property of the packet's connection (conntrack), or of its original direction."""
    direction = pack(3, b"\0") if original else b""
    return _match("ct", _number(1, _REGISTER) + _number(2, key) + direction, (value,), True)


def ct_bits(key: int, bits: int) -> Rule:
    """Match a property of the packet's connection that has one of these bits."""
    load = _expression("ct", _numbers(_REGISTER, key))
    return (load, _masked(struct.pack("=I", bits)), _compare(bytes(4), False))


def address_type(flags: int, kind: int, *, equal: bool = True) -> Rule:
    """Match the kind of route (rtnetlink's RTN_…) to an address of the packet (FIB_…)."""
    value = struct.pack("=I", kind)
    return _match("fib", _numbers(_REGISTER, _FIB_ADDRTYPE, flags), (value,), equal)


def set_ct_mark(mark: int) -> Rule:
    """Give the packet's connection a mark."""
    return (
        _immediate(pack(1, struct.pack("=I", mark))),
        _expression("ct", _number(2, CT_MARK) + _number(4, _REGISTER)),
    )


def within(header: int, offset: int, length: int, name: str) -> Rule:
    """Match an address of the packet, ``length`` bytes at an offset, that is in a set."""
    return (
        _expression("payload", _numbers(_REGISTER, header, offset, length)),
        _expression("lookup", pack_text(1, name) + _number(2, _REGISTER)),
    )


def jump_by(header: int, offset: int, length: int, name: str) -> Rule:
    """Apply the chain that a map has for an address of the packet, as in within(); then continue.

    A packet whose address isn't in the map gets no further in this rule.
    """
    return (
        _expression("payload", _numbers(_REGISTER, header, offset, length)),
        _expression("lookup", pack_text(1, name) + _number(2, _REGISTER) + _number(3, _VERDICT)),
    )


def jump_to(chain: str) -> bytes:
    """Return the verdict of a jump, as a map has it."""
    return nest(2, _number(1, _JUMP) + pack_text(2, chain))


def verdict(code: int) -> Rule:
    """End with a verdict on the packet: ACCEPT or DROP."""
    return (_immediate(nest(2, _number(1, code)), _VERDICT),)


def counter() -> Rule:
    """Count the packets that get here."""
    return (_expression("counter", b""),)


def jump(chain: str) -> Rule:
    """Apply another chain's rules, then continue."""
    return (_immediate(jump_to(chain), _VERDICT),)


def dnat(address: bytes, port: int | None = None) -> Rule:
    """Redirect the connection to an address, given as 4 or 16 bytes, and a port of it."""
    family = _IPV4 if len(address) == 4 else _IPV6
    data, load = _numbers(_DNAT, family, _REGISTER), [_immediate(pack(1, address))]
    if port is not None:
        data += _number(5, _SECOND)
        load.append(_immediate(pack(1, struct.pack(">H", port)), _SECOND))
    return (*load, _expression("nat", data))


def masquerade() -> Rule:
    """Use the outgoing device's address as the connection's source."""
    return (_expression("masq", b""),)


def clamp_mss() -> Rule:
    """Let a packet of TCP ask for no longer ones than its route takes (TCP's option MSS)."""
    write = _number(3, _MSS_OFFSET) + _number(4, _MSS_LENGTH) + _number(6, _TCP_OPTION)
    two_bytes = (_MSS_LENGTH, _MSS_LENGTH)
    return (
        _expression("rt", _numbers(_REGISTER, _TCP_MSS_OF_ROUTE)),
        _expression("byteorder", _numbers(_REGISTER, _REGISTER, _TO_NETWORK_ORDER, *two_bytes)),
        _expression("exthdr", pack(2, bytes([_MSS])) + write + _number(7, _REGISTER)),
    )


def _match(name: str, load: bytes, values: Iterable[bytes], equal: bool) -> Rule:
    return (_expression(name, load), *(_compare(value, equal) for value in values))


def _masked(mask: bytes) -> Expression:
    data = _numbers(_REGISTER, _REGISTER, len(mask))
    return _expression(
        "bitwise", data + nest(4, pack(1, mask)) + nest(5, pack(1, bytes(len(mask))))
    )


def _compare(value: bytes, equal: bool) -> Expression:
    return _expression("cmp", _numbers(_REGISTER, not equal) + nest(3, pack(1, value)))


def _immediate(data: bytes, register: int = _REGISTER) -> Expression:
    return _expression("immediate", _number(1, register) + nest(2, data))


def _expression(name: str, data: bytes) -> Expression:
    return nest(1, pack_text(1, name) + nest(2, data))


def _numbers(*values: int) -> bytes:
    return b"".join(_number(kind, value) for kind, value in enumerate(values, 1))


def _number(kind: int, value: int) -> bytes:
    return pack(kind, struct.pack(">I", value & 0xFFFFFFFF))
