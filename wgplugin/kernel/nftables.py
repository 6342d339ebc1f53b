"""nftables messages as bytes, from linux/netfilter/nf_tables.h. Pure.

A tunnel has tables of its own. Docker's tables are never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from wgplugin.kernel.attributes import NESTED, pack
from wgplugin.model.prefixes import Prefix

INET, NETDEV = 1, 5
"""Families of tables: for packets of IPv4 and IPv6, and for the frames of a device."""

PREROUTING, OUTPUT, POSTROUTING = 0, 3, 4
"""Hooks of the inet family."""

EGRESS = 1
"""A hook of the netdev family, from Linux 5.16 on."""

ACCEPT, DROP = 1, 0

ETHERNET, NO_LINK_LAYER = struct.pack("=H", 1), struct.pack("=H", 65534)
"""Types of links (linux/if_arp.h): Docker's other networks have Ethernet, WireGuard has none."""

META_MARK, META_IIFTYPE, META_OIFTYPE, META_NFPROTO, META_L4PROTO = 3, 8, 9, 15, 16
META_RTCLASSID = 13
CT_DIRECTION, CT_MARK, CT_PROTO_DST = 1, 3, 12
FIB_DADDR, FIB_IIF = 2, 8
LINK, NETWORK, TRANSPORT = 0, 1, 2
"""The headers from which a payload's offset counts."""

_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _APPEND = 1, 4, 0x200, 0x400, 0x800
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _NEWSET, _NEWSETELEM = 0, 2, 3, 6, 9, 12
_IPV4 = 2
_CONSTANT, _INTERVAL, _INTERVAL_END = 2, 4, 1
_ELEMENTS = 500
_JUMP = -3
_VERDICT, _REGISTER = 0, 1
_FIB_ADDRTYPE = 3
_DNAT = 1

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
class Table:
    """A table, with all that is in it."""

    name: str
    chains: tuple[Chain, ...]
    sets: tuple[PrefixSet, ...] = ()
    family: int = INET


def create_table(table: Table) -> list[bytes]:
    """Return the messages that create a table; they fail with EEXIST if its name is taken.

    They are a batch: the kernel carries out all of them or none.
    """
    new = _message(_NEWTABLE, table.family, _text(1, table.name), _CREATE | _EXCLUSIVE)
    return _batch([new, *_content(table)])


def replace_table(table: Table) -> list[bytes]:
    """Return the messages that create a table in place of one of that name, as one batch.

    To delete a table takes the kernel some 10 ms, to create one a fraction of one.
    """
    name, family = _text(1, table.name), table.family
    return _batch(
        [
            _message(_DELTABLE, family, name, 0),
            _message(_NEWTABLE, family, name),
            *_content(table),
        ]
    )


def _content(table: Table) -> list[bytes]:
    family = table.family
    messages: list[bytes] = []
    for number, each in enumerate(table.sets, 1):
        messages += _set(table, each, number)
    for chain in table.chains:
        messages.append(_chain(table, chain))
    for chain in table.chains:
        for rule in chain.rules:
            attributes = _text(1, table.name) + _text(2, chain.name) + _nest(4, b"".join(rule))
            messages.append(_message(_NEWRULE, family, attributes, _CREATE | _APPEND))
    return messages


def delete_table(name: str, family: int = INET) -> list[bytes]:
    """Return the messages that delete a table; they fail with ENOENT if there is none."""
    return _batch([_message(_DELTABLE, family, _text(1, name), 0)])


def _chain(table: Table, found: Chain) -> bytes:
    attributes = _text(1, table.name) + _text(3, found.name)
    if found.hook is not None:
        devices = b"".join(_text(1, device) for device in found.devices)
        hook = _number(1, found.hook) + _number(2, found.priority)
        attributes += _nest(4, hook + (_nest(4, devices) if devices else b""))
        attributes += _text(7, found.kind)
    return _message(_NEWCHAIN, table.family, attributes)


def _set(table: Table, found: PrefixSet, number: int) -> Iterator[bytes]:
    names = _text(1, table.name) + _text(2, found.name)
    key_type, length = (7, 4) if found.version == 4 else (8, 16)
    kind = _number(3, _CONSTANT | _INTERVAL) + _number(4, key_type) + _number(5, length)
    yield _message(_NEWSET, table.family, names + kind + _number(10, number))
    elements = list(_elements(found, length))
    for start in range(0, len(elements), _ELEMENTS):
        yield _message(
            _NEWSETELEM,
            table.family,
            names + _number(4, number) + _nest(3, b"".join(elements[start : start + _ELEMENTS])),
        )


def _elements(found: PrefixSet, length: int) -> Iterator[bytes]:
    """Yield the ends of the set's ranges; the last range may have no end."""
    for first, behind in ranges(found.prefixes):
        yield _nest(1, _nest(1, pack(1, first.to_bytes(length, "big"))))
        if behind < 1 << 8 * length:
            key = _nest(1, pack(1, behind.to_bytes(length, "big")))
            yield _nest(1, key + _number(3, _INTERVAL_END))


def ranges(prefixes: Iterable[Prefix]) -> list[tuple[int, int]]:
    """Return the ranges of addresses that prefixes of one family cover, as half-open intervals.

    They are in order, and don't touch: the kernel refuses intervals that overlap.
    """
    found: list[tuple[int, int]] = []
    for first, behind in sorted(
        (int(net.network_address), int(net.broadcast_address) + 1) for net in prefixes
    ):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], behind)
        else:
            found.append((first, behind))
    return found


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
    data = _numbers(_REGISTER, _REGISTER, len(mask))
    data += _nest(4, pack(1, mask)) + _nest(5, pack(1, bytes(len(mask))))
    load = _expression("payload", _numbers(_REGISTER, header, offset, len(mask)))
    return (load, _expression("bitwise", data), _compare(value, True))


def ct(key: int, value: bytes, *, original: bool = False) -> Rule:
    """Match a property of the packet's connection (conntrack), or of its original direction."""
    direction = pack(3, b"\0") if original else b""
    return _match("ct", _number(1, _REGISTER) + _number(2, key) + direction, (value,), True)


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
        _expression("lookup", _text(1, name) + _number(2, _REGISTER)),
    )


def verdict(code: int) -> Rule:
    """End with a verdict on the packet: ACCEPT or DROP."""
    return (_immediate(_nest(2, _number(1, code)), _VERDICT),)


def jump(chain: str) -> Rule:
    """Apply another chain's rules, then continue."""
    return (_immediate(_nest(2, _number(1, _JUMP) + _text(2, chain)), _VERDICT),)


def dnat_ipv4(address: bytes) -> Rule:
    """Redirect the connection to an IPv4 address, given as four bytes."""
    return (
        _immediate(pack(1, address)),
        _expression("nat", _numbers(_DNAT, _IPV4, _REGISTER)),
    )


def masquerade() -> Rule:
    """Use the outgoing device's address as the connection's source."""
    return (_expression("masq", b""),)


def _match(name: str, load: bytes, values: Iterable[bytes], equal: bool) -> Rule:
    return (_expression(name, load), *(_compare(value, equal) for value in values))


def _compare(value: bytes, equal: bool) -> Expression:
    return _expression("cmp", _numbers(_REGISTER, not equal) + _nest(3, pack(1, value)))


def _immediate(data: bytes, register: int = _REGISTER) -> Expression:
    return _expression("immediate", _number(1, register) + _nest(2, data))


def _expression(name: str, data: bytes) -> Expression:
    return _nest(1, _text(1, name) + _nest(2, data))


def _batch(messages: Iterable[bytes]) -> list[bytes]:
    """Frame and number messages; the last of them asks for an answer, errors come in any case."""
    *others, last = messages
    kind, flags = struct.unpack_from("=HH", last, 4)
    messages = [*others, last[:4] + struct.pack("=HH", kind, flags | _ACK) + last[8:]]
    begin = _header(_BATCH_BEGIN, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    end = _header(_BATCH_END, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    return [_numbered(message, number) for number, message in enumerate([begin, *messages, end])]


def _message(kind: int, family: int, attributes: bytes, flags: int = _CREATE) -> bytes:
    head = _header(_SUBSYSTEM << 8 | kind, _REQUEST | flags)
    return head + struct.pack(">BBH", family, 0, 0) + attributes


def _header(kind: int, flags: int) -> bytes:
    return struct.pack("=IHHII", 0, kind, flags, 0, 0)


def _numbered(message: bytes, number: int) -> bytes:
    return struct.pack("=I", len(message)) + message[4:8] + struct.pack("=I", number) + message[12:]


def _numbers(*values: int) -> bytes:
    return b"".join(_number(kind, value) for kind, value in enumerate(values, 1))


def _number(kind: int, value: int) -> bytes:
    return pack(kind, struct.pack(">I", value & 0xFFFFFFFF))


def _text(kind: int, value: str) -> bytes:
    return pack(kind, value.encode() + b"\0")


def _nest(kind: int, value: bytes) -> bytes:
    return pack(kind | NESTED, value)
