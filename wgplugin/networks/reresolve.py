"""The search for a tunnel's silent peers, which may have moved or never been found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint, PeerSection
from wgplugin.model.device import Peer, SocketAddress
from wgplugin.networks.ages import Ages
from wgplugin.networks.peers import Peers
from wgplugin.networks.resolver import is_literal
from wgplugin.networks.trail import Sight, Step, Trail, is_urgent, next_step, try_next
from wgplugin.timings import Timings


@dataclass(frozen=True, slots=True)
class _Work:
    """A step to take for a peer of the file, whose endpoint there is ``endpoint``."""

    step: Step
    section: PeerSection
    endpoint: PeerEndpoint
    trail: Trail


class Search:
    """Looks for silent peers of one tunnel: one search at a time, with a pause for each peer.

    ``is_urgent``: whether a peer has no endpoint or is searched, as seen by the last look.
    """

    def __init__(
        self,
        peers: Peers,
        network_id: str,
        move: Callable[[PeerSection, SocketAddress], Awaitable[None]],
        report: Callable[[str], None],
        timings: Timings,
    ) -> None:
        """Call ``move`` to set a peer's endpoint, and ``report`` when the trouble has changed.

        ``move`` may raise PluginError. ``report`` gets the errors' text, empty for none.
        """
        self._peers = peers
        self._network_id = network_id
        self._move = move
        self._report = report
        self._timings = timings
        self._trails: dict[PeerSection, Trail] = {}
        self._troubles: dict[PeerSection, str] = {}
        self._reported = ""
        self._proven: dict[PeerEndpoint, SocketAddress] = {}
        self._task: asyncio.Task[None] | None = None
        self.is_urgent = False

    def look(
        self,
        sections: Iterable[PeerSection],
        peers: Iterable[Peer],
        ages: Ages,
        *,
        configured: float,
        now: float,
        after: float,
        bound: float,
    ) -> None:
        """See who has answered, and begin to search the peers for which it is time.

        All times are in seconds.

        Args:
            sections: the peers of the file.
            peers: those of the device.
            ages: the ages of their handshakes.
            configured: how long ago the device was configured.
            now: the present time, by a clock that nobody can set.
            after: the silence after which a peer is searched.
            bound: the longest time for resolving a name.
        """
        before, self._trails = self._trails, {}
        there = {peer.public_key: peer for peer in peers}
        is_running = self._task is not None and not self._task.done()
        due, self.is_urgent = [], False
        for section in sections:
            peer, endpoint = there.get(section.public_key), section.endpoint
            if not peer or not endpoint:
                continue
            known, age = self._peers.known(endpoint), ages.of(section.public_key)
            sight = Sight(peer, known, is_literal(endpoint), age, configured)
            trail = before.get(section) or Trail(peer, now, now - configured)
            trail = self._follow(trail, section, endpoint, peer, now)
            step = next_step(trail, sight, now, after, self._timings)
            self.is_urgent |= is_urgent(trail, sight, step)
            if step is not Step.WAIT and not is_running:
                asked = trail.asked if step is Step.NEXT else now
                trail = replace(trail, peer=peer, since=now, asked=asked)
                due.append(_Work(step, section, endpoint, trail))
            self._trails[section] = trail
        there_still = self._trails.keys() & self._troubles.keys()
        self._troubles = {section: self._troubles[section] for section in there_still}
        self._tell()
        if (due or self._proven) and not is_running:
            self._task = asyncio.create_task(self._run(due, bound))

    def end(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()

    def _follow(
        self, trail: Trail, section: PeerSection, endpoint: PeerEndpoint, peer: Peer, now: float
    ) -> Trail:
        followed = trail.follow(peer, now)
        if followed is not trail:
            self._troubles.pop(section, None)
            if trail.tried and peer.endpoint in self._peers.known(endpoint):
                self._proven[endpoint] = peer.endpoint
        return followed

    async def _run(self, due: Sequence[_Work], bound: float) -> None:
        proven, self._proven = self._proven, {}
        await asyncio.gather(*(self._take(work, bound) for work in due))
        for endpoint, address in proven.items():
            await self._peers.remember(self._network_id, endpoint, address)
        self._tell()

    async def _take(self, work: _Work, bound: float) -> None:
        section, trail = work.section, work.trail
        present = trail.peer.endpoint
        try:
            if work.step is Step.CHECK and present and await self._peers.has_way(present):
                return
            if work.step is not Step.NEXT:
                await self._ask(work, bound)
            tried = try_next(self._peers.known(work.endpoint), present, trail.tried)
            if tried and self._is_current(work):
                self._trails[section] = replace(trail, tried=tried)
                await self._move(section, tried[-1])
        except PluginError as error:
            self._troubles[section] = str(error)

    async def _ask(self, work: _Work, bound: float) -> None:
        try:
            await self._peers.find(self._network_id, work.endpoint, bound)
            self._troubles.pop(work.section, None)
        except PluginError as error:
            # Its known addresses may do.
            if self._is_current(work):
                self._troubles[work.section] = str(error)

    def _is_current(self, work: _Work) -> bool:
        """Return whether the peer hasn't answered, and is still in the file."""
        return self._trails.get(work.section) is work.trail

    def _tell(self) -> None:
        trouble = "; ".join(dict.fromkeys(self._troubles.values()))
        if trouble != self._reported:
            self._reported = trouble
            self._report(trouble)
