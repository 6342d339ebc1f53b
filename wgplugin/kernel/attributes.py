"""Netlink attributes as bytes: a length, a kind and a value, padded to four bytes. Pure."""

from __future__ import annotations

import struct
import sys
from collections.abc import Collection, Iterator

NESTED = 1 << 15
TYPE = NESTED - 1

_HEADER = struct.Struct("=HH")

Attribute = tuple[int, bytes]

Message = tuple[int, int, bytes]
"""A message's type, its flags besides NLM_F_REQUEST, and its body."""


def pack(kind: int, value: bytes) -> bytes:
    """Return one attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def unpack(data: bytes) -> Iterator[Attribute]:
    """Yield the attributes in ``data``, in order, with their kinds less the flags."""
    start = 0
    while start + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, start)
        yield kind & TYPE, data[start + 4 : start + length]
        start += (length + 3) & ~3


def pick(data: bytes, kinds: Collection[int], start: int = 0) -> dict[int, bytes]:
    """Return the attributes of some kinds in ``data`` from ``start`` on; the last of each kind."""
    found = {}
    header_at, size = _HEADER.unpack_from, len(data)
    while start + 4 <= size:
        length, kind = header_at(data, start)
        kind &= TYPE
        if kind in kinds:
            found[kind] = data[start + 4 : start + length]
        start += length + 3 & ~3
    return found


def pack_number(kind: int, value: int) -> bytes:
    """Return one attribute whose value is a number of 32 bits."""
    return struct.pack("=HHI", 8, kind, value)


def number(value: bytes) -> int:
    """Return an attribute's value as a number without a sign."""
    return int.from_bytes(value, sys.byteorder)


def text(value: bytes) -> str:
    """Return an attribute's value as text, up to its end by a zero byte."""
    return value.partition(b"\0")[0].decode(errors="replace")


def pack_text(kind: int, value: str) -> bytes:
    """Return one attribute whose value is text."""
    return pack(kind, value.encode() + b"\0")


def nest(kind: int, attributes: bytes) -> bytes:
    """Return one attribute whose value is attributes."""
    return pack(kind | NESTED, attributes)
