"""The search for the silent peers of a tunnel, which may have moved or have never been found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint, PeerSection
from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.health import is_silent
from wgplugin.networks.peers import Peers

RETRY = 5.0
PAUSE = 30.0
"""The seconds between attempts to find a peer that has no address at all, and a silent one."""

Sought = list[tuple[PeerSection, PeerEndpoint]]
"""Peers to look for, each with where to look."""


class Search:
    """Looks for peers of one tunnel: one search at a time, and for each peer with pauses."""

    def __init__(
        self,
        peers: Peers,
        move: Callable[[PeerSection, SocketAddress], Awaitable[None]],
        tell: Callable[[str], None],
    ) -> None:
        """Call ``move`` with each peer that is found, and ``tell`` with what went wrong, if it did.

        ``move`` may raise PluginError.
        """
        self._peers = peers
        self._move = move
        self._tell = tell
        self._asked: dict[Key, float] = {}
        self._task: asyncio.Task[None] | None = None

    def due(
        self,
        sections: Iterable[PeerSection],
        peers: Iterable[Peer],
        *,
        configured: float,
        now: float,
        wall: float,
        after: float,
    ) -> Sought:
        """Return the peers of a file that it is time to look for; all times are in seconds.

        Args:
            sections: the peers of the file.
            peers: those of the device.
            configured: how long ago the device was configured.
            now: the time now, by a clock that nobody sets.
            wall: the same since 1970.
            after: how long a peer must have been silent.
        """
        due: Sought = []
        there = {peer.public_key: peer for peer in peers}
        for section in sections:
            peer = there.get(section.public_key)
            if not section.endpoint or not peer:
                continue
            pause = min(after, PAUSE) if peer.endpoint else RETRY
            asked = self._asked.get(section.public_key, now - configured)
            if is_silent(peer, configured, wall, after) and now - asked >= pause:
                due.append((section, section.endpoint))
        return due

    def begin(self, due: Sought, now: float, bound: float) -> None:
        """Begin to look for peers, each for ``bound`` seconds, unless a search is going on."""
        if due and (self._task is None or self._task.done()):
            self._asked |= dict.fromkeys((section.public_key for section, _ in due), now)
            self._task = asyncio.create_task(self._find(due, bound))

    def end(self) -> None:
        """Look no further."""
        if self._task:
            self._task.cancel()

    async def _find(self, due: Sought, bound: float) -> None:
        trouble = ""
        for section, endpoint in due:
            try:
                await self._move(section, await self._peers.find(endpoint, bound))
            except PluginError as error:
                trouble = str(error)
        self._tell(trouble)
