"""nftables messages as bytes, from linux/netfilter/nf_tables.h. Pure.

A tunnel has a single table of its own. Docker's tables are never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wgplugin.kernel.attributes import NESTED, pack

PREROUTING, OUTPUT, POSTROUTING = 0, 3, 4
"""Hooks of the inet family."""

ACCEPT, DROP = 1, 0

META_MARK, META_IIFTYPE, META_OIFTYPE, META_NFPROTO, META_L4PROTO = 3, 8, 9, 15, 16
CT_DIRECTION, CT_PROTO_DST = 1, 12
FIB_DADDR, FIB_IIF = 2, 8
NETWORK, TRANSPORT = 1, 2
"""The headers from which a payload's offset counts."""

_REQUEST, _ACK, _CREATE, _APPEND = 1, 4, 0x400, 0x800
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = 0, 2, 3, 6
_INET, _IPV4 = 1, 2
_JUMP = -3
_VERDICT, _REGISTER = 0, 1
_FIB_ADDRTYPE = 3
_DNAT = 1

Expression = bytes
Rule = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; without a hook, it is for other chains to jump to."""

    name: str
    rules: tuple[Rule, ...]
    kind: Literal["filter", "route", "nat"] = "filter"
    hook: int | None = None
    priority: int = 0


def replace_table(name: str, chains: Iterable[Chain]) -> list[bytes]:
    """Return the messages that create a table, in place of one of that name if it exists.

    They are a batch: the kernel carries out all of them or none.
    """
    messages = [*_without(name), _message(_NEWTABLE, _text(1, name), _CREATE)]
    for chain in chains:
        attributes = _text(1, name) + _text(3, chain.name)
        if chain.hook is not None:
            attributes += _nest(4, _number(1, chain.hook) + _number(2, chain.priority))
            attributes += _text(7, chain.kind)
        messages.append(_message(_NEWCHAIN, attributes, _CREATE))
    for chain in chains:
        for rule in chain.rules:
            attributes = _text(1, name) + _text(2, chain.name) + _nest(4, b"".join(rule))
            messages.append(_message(_NEWRULE, attributes, _CREATE | _APPEND))
    return _batch(messages)


def delete_table(name: str) -> list[bytes]:
    """Return the messages that delete a table; they succeed even if it doesn't exist."""
    return _batch(_without(name))


def _without(name: str) -> list[bytes]:
    return [
        _message(_NEWTABLE, _text(1, name), _CREATE),
        _message(_DELTABLE, _text(1, name)),
    ]


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
    begin = _header(_BATCH_BEGIN, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    end = _header(_BATCH_END, _REQUEST) + struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    return [_numbered(message, number) for number, message in enumerate([begin, *messages, end])]


def _message(kind: int, attributes: bytes, flags: int = 0) -> bytes:
    head = _header(_SUBSYSTEM << 8 | kind, _REQUEST | _ACK | flags)
    return head + struct.pack(">BBH", _INET, 0, 0) + attributes


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
