"""The ports of a namespace that programs listen on, by sock_diag(7)."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address

from wgplugin.kernel.attributes import unpack
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import PROTOCOLS, Protocol, PublishedPort

BY_FAMILY = 20

_SOCK_DIAG = 4
_LACKING = (errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.EPROTONOSUPPORT)
_CLOSE, _LISTEN = 7, 10
_STATES: Mapping[Protocol, int] = {"tcp": _LISTEN, "udp": _CLOSE, "sctp": _LISTEN}
"""The states of sockets that listen: those of UDP that aren't connected."""

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_REQUEST = struct.Struct("=BBBxI48x")
_PORT, _ADDRESS, _ATTRIBUTES = 4, 8, 72
_SKV6ONLY = 11


def listeners(protocols: Iterable[Protocol]) -> Iterator[PublishedPort]:
    """Yield the ports in this thread's namespace that programs listen on, of some protocols.

    They lead to no port of a container's. Of a protocol or a kernel that can't be asked, there are
    none. Raises OSError if the kernel doesn't answer.
    """
    with contextlib.closing(NetlinkSocket(_SOCK_DIAG)) as connection:
        for protocol in protocols:
            for family in _FAMILIES:
                try:
                    found = connection.dump(BY_FAMILY, request(protocol, family))
                except OSError as error:
                    if error.errno not in _LACKING:
                        raise
                else:
                    yield from ports(found, protocol)


def request(protocol: Protocol, family: int) -> bytes:
    """Return the request for the sockets that listen: struct inet_diag_req_v2."""
    return _REQUEST.pack(family, PROTOCOLS[protocol], 0, 1 << _STATES[protocol])


def ports(bodies: Iterable[bytes], protocol: Protocol) -> Iterator[PublishedPort]:
    """Yield the ports of a list of sockets: struct inet_diag_msg."""
    for body in bodies:
        (port,) = struct.unpack_from(">H", body, _PORT)
        if port:
            length = 4 if body[0] == socket.AF_INET else 16
            address = ip_address(body[_ADDRESS : _ADDRESS + length])
            only = dict(unpack(body[_ATTRIBUTES:])).get(_SKV6ONLY, b"\0") != b"\0"
            yield PublishedPort(protocol, port, 0, _taken(address, only))


def _taken(address: IPAddress, ipv6_only: bool) -> IPAddress | None:
    """Return the address that a socket takes; None if it takes those of both families."""
    if isinstance(address, IPv6Address):
        if address.is_unspecified and not ipv6_only:
            return None
        return address.ipv4_mapped or address
    return address
