"""The search for a tunnel's silent peers, which may have moved or never been found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint, PeerSection
from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.health import is_silent
from wgplugin.networks.peers import Peers
from wgplugin.timings import Timings

Sought = list[tuple[PeerSection, PeerEndpoint]]
"""Peers to look for, each with its endpoint in the file."""


class Search:
    """Looks for peers of one tunnel: one search at a time, with a pause for each peer."""

    def __init__(
        self,
        peers: Peers,
        move: Callable[[PeerSection, SocketAddress], Awaitable[None]],
        report: Callable[[str], None],
        timings: Timings,
    ) -> None:
        """Call ``move`` with each peer that is found, and ``report`` at the end of each search.

        ``move`` may raise PluginError. ``report`` gets the last error's text, empty for none.
        """
        self._peers = peers
        self._move = move
        self._report = report
        self._timings = timings
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
        """Return the peers of a file that are due for a search. All times are in seconds.

        Args:
            sections: the peers of the file.
            peers: those of the device.
            configured: how long ago the device was configured.
            now: the present time, by a clock that nobody can set.
            wall: the present time, since 1970.
            after: the silence after which a peer is looked for.
        """
        timings = self._timings
        due: Sought = []
        there = {peer.public_key: peer for peer in peers}
        for section in sections:
            peer = there.get(section.public_key)
            if not section.endpoint or not peer:
                continue
            pause = min(after, timings.search_silent) if peer.endpoint else timings.search_missing
            asked = self._asked.get(section.public_key, now - configured)
            if is_silent(peer, configured, wall, after) and now - asked >= pause:
                due.append((section, section.endpoint))
        return due

    def begin(self, due: Sought, now: float, bound: float) -> None:
        """Look for peers, each for at most ``bound`` seconds, unless a search is running."""
        if due and (self._task is None or self._task.done()):
            self._asked |= dict.fromkeys((section.public_key for section, _ in due), now)
            self._task = asyncio.create_task(self._find(due, bound))

    def end(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()

    async def _find(self, due: Sought, bound: float) -> None:
        trouble = ""
        for section, endpoint in due:
            try:
                await self._move(section, await self._peers.find(endpoint, bound))
            except PluginError as error:
                trouble = str(error)
        self._report(trouble)
