"""The kernel's notices of changes in a network namespace: rtnetlink(7)'s multicast groups."""

from __future__ import annotations

import asyncio
import contextlib
import socket

_LINKS, _IPV4_ADDRESSES, _IPV6_ADDRESSES = 0x1, 0x10, 0x100
_SIZE = 65536


class NoticeSocket:
    """A socket for notices, in the namespace of the thread that makes it; see `Notices`."""

    def __init__(self) -> None:
        family = socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        self._socket = socket.socket(*family)
        self._socket.bind((0, _LINKS | _IPV4_ADDRESSES | _IPV6_ADDRESSES))

    async def wait(self, seconds: float) -> bool:
        """See `Notices`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_recv(self._socket, _SIZE)
        except TimeoutError:
            return False
        except OSError:
            # Notices were lost: there are some.
            return True
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(_SIZE):
                pass
        return True

    def close(self) -> None:
        """See `Notices`."""
        self._socket.close()
