"""The connections that the kernel keeps track of (conntrack), as netlink messages. Pure.

Only a connection's first packet is asked where to: by UDP, a client that goes on sending stays with
what was there before. Source: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from wgplugin.kernel.attributes import Message, nest, pack, unpack
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import number_of

_GET, _DELETE = 0x101, 0x102
_HEADER = struct.Struct(">BBH")
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ORIGINAL, _REPLY, _ID, _ZONE, _FILTER = 1, 2, 12, 18, 25
_SAME = (_ORIGINAL, _ID, _ZONE)
"""The attributes that tell a connection from others."""

_ADDRESSES, _PROTOCOL = 1, 2
_SOURCES, _DESTINATIONS = (1, 3), (2, 4)
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_UDP = bytes([socket.IPPROTO_UDP])
_FILTER_ORIGINAL, _BY_NUMBER = 1, 1 << 3

Place = tuple[IPAddress, int]
"""An address, and a port of it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's datagrams: where it sends them, and who gets them.

    ``name`` is the attributes by which the kernel finds it.
    """

    asked: Place
    answering: Place
    name: bytes


def list_udp(version: int) -> tuple[int, bytes]:
    """Return the request for all connections of UDP; Linux before 5.8 lists all others, too."""
    protocol = nest(_ORIGINAL, nest(_PROTOCOL, pack(_NUMBER, _UDP)))
    only = nest(_FILTER, pack(_FILTER_ORIGINAL, struct.pack("=I", _BY_NUMBER)))
    return _GET, _HEADER.pack(_FAMILIES[version], 0, 0) + protocol + only


def connections(bodies: Iterable[bytes]) -> Iterator[Connection]:
    """Yield the connections of UDP in a list."""
    for body in bodies:
        found = dict(unpack(body[_HEADER.size :]))
        original, reply = _parts(found[_ORIGINAL]), _parts(found[_REPLY])
        if original[1].get(_NUMBER) == _UDP:
            name = b"".join(pack(kind, found[kind]) for kind in _SAME if kind in found)
            yield Connection(
                _place(*original, _DESTINATIONS, _DESTINATION_PORT),
                _place(*reply, _SOURCES, _SOURCE_PORT),
                body[: _HEADER.size] + name,
            )


def deletion(connection: Connection) -> Message:
    """Return the message that has the kernel forget a connection."""
    return _DELETE, 0, connection.name


def is_stale(
    connection: Connection,
    ports: Mapping[int, Collection[Place]],
    own: Collection[IPAddress],
) -> bool:
    """Return whether datagrams to a port of the host go elsewhere than that leads to now.

    ``ports``: the ports that are published, or were until now, each with the containers' places
    that it leads to. ``own``: the host's addresses.
    """
    places = ports.get(connection.asked[1])
    if places is None or connection.answering in places:
        return False
    if number_of(connection.answering[0]):
        return True
    return bool(places) and connection.answering == connection.asked and connection.asked[0] in own


def _parts(data: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Return the attributes of a tuple's addresses and of its protocol."""
    found = dict(unpack(data))
    return dict(unpack(found[_ADDRESSES])), dict(unpack(found[_PROTOCOL]))


def _place(
    addresses: dict[int, bytes], protocol: dict[int, bytes], kinds: tuple[int, int], port: int
) -> Place:
    address = next(addresses[kind] for kind in kinds if kind in addresses)
    return ip_address(address), int.from_bytes(protocol[port], "big")
