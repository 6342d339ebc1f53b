"""The kernel's notices of changes in a network namespace: netlink(7)'s multicast groups."""

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
_NETFILTER, _NFTABLES = 12, 1 << 6
_SOL_NETLINK, _NO_OVERFLOW = 270, 5
_SIZE = 64
_ROOM = 8192
"""Of many notices, the kernel keeps as many as fit so many bytes: what they say isn't read."""


class Notices:
    """Sockets for notices, in the namespace of the thread that makes them.

    rtnetlink's are of links, addresses, routes and rules; nftables have a protocol of their own.
    """

    __slots__ = ("_sockets", "_waiter")

    def __init__(self) -> None:
        with contextlib.ExitStack() as opened:
            self._sockets = tuple(
                opened.enter_context(_listening(protocol, groups))
                for protocol, groups in (
                    (socket.NETLINK_ROUTE, sum(_GROUPS)),
                    (_NETFILTER, _NFTABLES),
                )
            )
            # Both of them, or none.
            opened.pop_all()
        self._waiter: asyncio.Future[None] | None = None

    async def changed(self) -> None:
        """Wait for the next change of any of these; skip further ones.

        One caller may wait at a time.

        Raises:
            OSError: the sockets are closed.
        """
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        for each in self._sockets:
            loop.add_reader(each, _wake, waiter)
        try:
            await waiter
        finally:
            self._stop()
        for each in self._sockets:
            with contextlib.suppress(BlockingIOError):
                while each.recv(_SIZE):
                    pass

    def close(self) -> None:
        """Close the sockets; if somebody is waiting, call this in the event loop."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        self._stop()
        for each in self._sockets:
            each.close()

    def _stop(self) -> None:
        """Let the event loop forget the sockets, before their numbers can be others'."""
        if self._waiter:
            for each in self._sockets:
                self._waiter.get_loop().remove_reader(each)
            self._waiter = None


def _listening(protocol: int, groups: int) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    found = socket.socket(socket.AF_NETLINK, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        found.setsockopt(_SOL_NETLINK, _NO_OVERFLOW, 1)
        found.bind((0, groups))
    except OSError:
        found.close()
        raise
    return found


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
