"""Netlink attributes as bytes: a length, a kind and a value, padded to four bytes. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

NESTED = 1 << 15
TYPE = NESTED - 1

Attribute = tuple[int, bytes]


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
