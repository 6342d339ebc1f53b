"""Sockets of DNS in other network namespaces: a router's that listen, a container's that asks.

A socket that was opened in a namespace can be used from anywhere. Sources: socket(7), ip(7),
ipv6(7), udp(7).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection
from ipaddress import IPv4Address

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel.names import DOCKERS_RESOLVER
from wgplugin.kernel.setns import apart, enter
from wgplugin.kernel.space import Space
from wgplugin.model.prefixes import IPAddress

OPENING_SECONDS = 0.25
"""The time to open a socket in a container; a namespace that hangs takes longer."""

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_FREEBIND = {4: (socket.IPPROTO_IP, 15), 6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND (linux/in.h) and IPV6_FREEBIND (linux/in6.h): the address may come later."""

_WAITING = 16
"""The number of TCP connections that wait to be accepted."""

_LONGEST = 65535


class Listeners:
    """Open sockets that are closed together, or handed over."""

    def __init__(self, sockets: Collection[socket.socket]) -> None:
        self._sockets = sockets

    def detach(self) -> tuple[int, ...]:
        """Hand the sockets over, by their descriptors."""
        return tuple(each.detach() for each in self._sockets)

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets:
            each.close()


def listen(space: Space, addresses: Collection[IPAddress], port: int) -> Listeners:
    """Listen in a router; see `Router`. A port below 1024 takes CAP_NET_BIND_SERVICE.

    Raises:
        OSError: the kernel refuses to enter the namespace.
        BackendError: it refuses to listen there.
    """

    def work() -> Listeners:
        enter(space.namespace)
        with contextlib.ExitStack() as opened:
            found = [
                opened.enter_context(_listening(address, port, kind))
                for address in addresses
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
            ]
            opened.pop_all()
        return Listeners(found)

    return apart(work)


def ask(space: Space, query: bytes) -> socket.socket | None:
    """Send a query to Docker's resolver in a container, by a socket that doesn't block.

    None if it can't be sent, as the container is closed or going.

    Raises:
        OSError: the kernel refuses to enter the namespace.
    """
    with space.route.namespace() as namespace:

        def work() -> socket.socket | None:
            enter(namespace)
            return _asking(query)

        return apart(work)


async def answer(connection: socket.socket, seconds: float) -> bytes | None:
    """Return the answer by the socket of ask(), empty if none comes; None if nobody is there."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().sock_recv(connection, _LONGEST)
    except TimeoutError:
        return b""
    except OSError:
        return None


def _listening(address: IPAddress, port: int, kind: socket.SocketKind) -> socket.socket:
    found = socket.socket(_FAMILIES[address.version], kind)
    try:
        found.setblocking(False)
        found.setsockopt(*_FREEBIND[address.version], 1)
        if address.version == 6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # Connections of the plugin's former process may not be over yet.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((str(address), port))
        if kind == socket.SOCK_STREAM:
            found.listen(_WAITING)
    except OSError as error:
        found.close()
        message = f"names can't be served at {address}: {error.strerror}"
        raise BackendError(Code.NAMES_NOT_SERVED, message) from None
    return found


def _asking(query: bytes) -> socket.socket | None:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        found.setblocking(False)
        found.connect((str(IPv4Address(DOCKERS_RESOLVER)), 53))
        found.send(query)
    except OSError:
        found.close()
        return None
    return found
