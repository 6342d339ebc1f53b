"""How one tunnel is doing: its device as seen last, its health, and the search for its peers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from wgplugin.conf.settings import Settings
from wgplugin.model.backends import Observed
from wgplugin.model.configuration import PeerSection
from wgplugin.model.device import Peer, SocketAddress
from wgplugin.networks.ages import Ages
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.health import Health, events, health
from wgplugin.networks.reresolve import Search
from wgplugin.networks.services import Services
from wgplugin.networks.status import PeerStatus, peer_status

log = logging.getLogger(__name__)


class Vitals:
    """What the kernel counts of a tunnel, and what follows from it."""

    def __init__(
        self,
        network_id: str,
        services: Services,
        conditions: Conditions,
        move: Callable[[PeerSection, SocketAddress], Awaitable[None]],
    ) -> None:
        """Know nothing yet. ``move`` is called with a silent peer that is found elsewhere."""
        self.observed: Observed | None = None
        self.health = Health.NEVER
        self.configured = 0.0
        """When the tunnel's configuration was applied last, in seconds since 1970."""
        self._configured_at = services.clock.monotonic()
        self._clock = services.clock
        self._timings = services.timings
        self._conditions = conditions
        self._ages = Ages()
        self._search = Search(
            services.peers,
            network_id,
            move,
            partial(conditions.note, Condition.PEERS),
            services.timings,
        )

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The peers of the device as it was seen last."""
        return self.observed.device.peers if self.observed else ()

    def note_configured(self) -> None:
        """Take note that a configuration has just been applied."""
        self.configured, self._configured_at = self._clock.wall(), self._clock.monotonic()

    def see(self, observed: Observed, subject: object) -> None:
        """Take note of a look at the device; log what has happened to ``subject``."""
        before, was = self.observed, self.health
        self.observed = observed
        self._ages.look(self.peers, self._clock.wall(), self._clock.moment().seconds)
        self.health = health(self._ages.of(peer.public_key) for peer in self.peers)
        for event in events(before.device if before else None, observed.device, was, self.health):
            log.info("%s: %s", subject, event)

    def lose(self) -> None:
        """Take note that the device isn't there."""
        self.observed, self.health = None, Health.NEVER

    def search(self, sections: Iterable[PeerSection], settings: Settings) -> None:
        """Begin to look where the silent peers of a file are now, if any."""
        now = self._clock.monotonic()
        self._search.look(
            sections,
            self.peers,
            self._ages,
            configured=now - self._configured_at,
            now=now,
            after=settings.re_resolve_after,
            bound=settings.resolve_timeout,
        )

    def end_search(self) -> None:
        """Stop looking for peers."""
        self._search.end()

    def pace(self) -> float:
        """Return the seconds until the next look: fewer while more may happen."""
        timings = self._timings
        is_young = self._clock.monotonic() - self._configured_at < timings.young
        if is_young or self._search.is_urgent:
            return timings.observe_soon
        return timings.observe

    def peer_statuses(self) -> tuple[PeerStatus, ...]:
        """Return the status of each peer, as it was seen last."""
        return tuple(peer_status(peer, self._ages.wall(peer.public_key)) for peer in self.peers)
