"""A network namespace that is kept open by sockets in it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass

from wgplugin.kernel.guard import Guard
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.notices import Notices
from wgplugin.kernel.wireguard import WireGuardSocket
from wgplugin.model.prefixes import InterfaceAddress


@dataclass(frozen=True, slots=True)
class Seen:
    """A tunnel's device as it was last set up: its index, and the addresses it can't carry."""

    index: int
    late: frozenset[InterfaceAddress]


class Space:
    """The network namespace of the thread that makes this, usable by any thread until close().

    ``guard`` and ``seen`` are what is known of the tunnels in it; ``seen`` is by a device's name
    on the host. A router's has a descriptor of the ``namespace``, which is closed with it, and the
    ``table`` of nftables that was installed last.
    """

    __slots__ = (
        "_is_closed",
        "_lock",
        "guard",
        "namespace",
        "netfilter",
        "notices",
        "route",
        "seen",
        "table",
        "wireguard",
    )

    def __init__(self, namespace: int = -1) -> None:
        with contextlib.ExitStack() as opened:
            self.route = NetlinkSocket(socket.NETLINK_ROUTE)
            opened.callback(self.route.close)
            self.wireguard = WireGuardSocket()
            opened.callback(self.wireguard.close)
            self.netfilter = NetfilterSocket()
            opened.callback(self.netfilter.close)
            self.notices = Notices()
            # All of them, or none.
            opened.pop_all()
        self._lock = threading.Lock()
        self._is_closed = False
        self.guard = Guard()
        self.seen: dict[str, Seen] = {}
        self.namespace = namespace
        self.table: Table | None = None

    def begin(self, *, waits: bool) -> bool:
        """Take the sockets for work in this thread; return False if another thread has them.

        With ``waits``, wait for it instead.
        """
        return self._lock.acquire(blocking=waits)

    def end(self) -> None:
        """Let other threads have the sockets."""
        self._lock.release()
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """Let go of the namespace, at the latest at the end of the work that goes on."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            for each in (self.route, self.wireguard, self.netfilter, self.notices):
                each.close()
            if self.namespace >= 0:
                os.close(self.namespace)
                self.namespace = -1
            self._lock.release()
