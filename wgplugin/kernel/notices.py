"""The kernel's notices of changes in a network namespace: rtnetlink(7)'s multicast groups."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

_LINKS = 1 << 0
_IPV4_ADDRESSES, _IPV4_ROUTES, _IPV4_RULES = 1 << 4, 1 << 6, 1 << 7
_IPV6_ADDRESSES, _IPV6_ROUTES, _IPV6_RULES = 1 << 8, 1 << 10, 1 << 18
_GROUPS = (
    *(_LINKS, _IPV4_ADDRESSES, _IPV4_ROUTES, _IPV4_RULES),
    *(_IPV6_ADDRESSES, _IPV6_ROUTES, _IPV6_RULES),
)
_SOL_NETLINK, _NO_OVERFLOW = 270, 5
_SIZE = 64
_ROOM = 8192
"""Of many notices, the kernel keeps as many as fit so many bytes: what they say isn't read."""


class NoticeSocket:
    """A socket for notices, in the namespace of the thread that makes it."""

    __slots__ = ("_socket", "_waiter")

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._socket.setsockopt(_SOL_NETLINK, _NO_OVERFLOW, 1)
        self._socket.bind((0, sum(_GROUPS)))
        self._waiter: asyncio.Future[None] | None = None

    async def changed(self) -> None:
        """Wait for the next change of links, addresses, routes or rules; skip further ones.

        One caller may wait at a time.

        Raises:
            OSError: the socket is closed.
        """
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        loop.add_reader(self._socket, _wake, waiter)
        try:
            await waiter
        finally:
            self._stop()
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(_SIZE):
                pass

    def close(self) -> None:
        """Close the socket; if somebody is waiting, call this in the event loop."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        self._stop()
        self._socket.close()

    def _stop(self) -> None:
        """Let the event loop forget the socket, before its number can be another one's."""
        if self._waiter:
            self._waiter.get_loop().remove_reader(self._socket)
            self._waiter = None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
