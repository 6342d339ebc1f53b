"""What iptables-legacy does with packets that links forward: its rules aren't part of nftables.

Sources: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h. A table is read as a
whole. It is never changed: that would undo what others change meanwhile.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wgplugin.kernel.forwarding import DOCKER_CHAIN
from wgplugin.model.published import LINK_PREFIX

_TABLE = b"filter"
_NAME_SIZE = 32
_INFO, _ENTRIES = 64, 65
_FORWARD = 2
_GET_INFO = struct.Struct(f"={_NAME_SIZE}sI5I5III")
_DROP = -1
_VERDICT_AT = 32
"""Where a target's verdict is: behind struct xt_entry_target."""

_ALIGNMENT = ctypes.alignment(ctypes.c_uint64)
_ENTRIES_AT = -(-(_NAME_SIZE + 4) // _ALIGNMENT) * _ALIGNMENT
"""Where rules begin, behind the name and the size of their table."""

_IFNAMSIZ = 16

_NAME = f"{LINK_PREFIX}+".encode().ljust(_IFNAMSIZ, b"\0")
_MASK = (b"\xff" * len(LINK_PREFIX)).ljust(_IFNAMSIZ, b"\0")
_NONE = bytes(_IFNAMSIZ)
_PASSED = {_NAME + _NONE + _MASK + _NONE, _NONE + _NAME + _NONE + _MASK}
"""The devices of `-i wgpub+` and `-o wgpub+`, as rules have them."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class _Family:
    """A family's socket options, and where its rules have their devices and their target."""

    names: Path
    family: int
    level: int
    devices: int
    target: int


_FAMILIES = {
    4: _Family(Path("/proc/net/ip_tables_names"), socket.AF_INET, socket.IPPROTO_IP, 16, 88),
    6: _Family(Path("/proc/net/ip6_tables_names"), socket.AF_INET6, socket.IPPROTO_IPV6, 64, 140),
}


def closed(version: int) -> str:
    """Return the chain in which rules for links are missing, of an IP version.

    It is "" if there are such rules, or if the FORWARD chain lets through what no rule drops.

    Raises:
        OSError: the kernel refuses.
    """
    family = _FAMILIES[version]
    try:
        # To ask for a table that isn't there would make it.
        if _TABLE not in family.names.read_bytes().split():
            return ""
    except FileNotFoundError:
        return ""
    with socket.socket(family.family, socket.SOCK_DGRAM) as connection:
        found = _GET_INFO.unpack(_ask(connection, family, _INFO, _GET_INFO.size, 0))
        policy, size = found[7 + _FORWARD], found[-1]
        entries = _ask(connection, family, _ENTRIES, _ENTRIES_AT + size, size)[_ENTRIES_AT:]
    (target,) = struct.unpack_from("=H", entries, policy + family.target)
    (verdict,) = struct.unpack_from("=i", entries, policy + target + _VERDICT_AT)
    if verdict != _DROP or set(_devices(entries, family)) >= _PASSED:
        return ""
    return DOCKER_CHAIN if DOCKER_CHAIN.encode() in entries else "FORWARD"


def _devices(entries: bytes, family: _Family) -> Iterator[bytes]:
    """Yield which devices each rule is for."""
    start = 0
    while start < len(entries):
        yield entries[start + family.devices : start + family.devices + 4 * _IFNAMSIZ]
        start += struct.unpack_from("=H", entries, start + family.target + 2)[0]


def _ask(connection: socket.socket, family: _Family, option: int, size: int, value: int) -> bytes:
    """Return a socket option whose request has the table's name and a number."""
    answer = ctypes.create_string_buffer(struct.pack(f"={_NAME_SIZE}sI", _TABLE, value), size)
    length = ctypes.c_uint(size)
    arguments = (connection.fileno(), family.level, option, answer, ctypes.byref(length))
    if _libc.getsockopt(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer.raw
