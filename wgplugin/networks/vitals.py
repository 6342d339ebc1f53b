"""How one tunnel is doing: its device as seen last, its health, and the search for its peers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from wgplugin.conf.settings import Settings
from wgplugin.model.backends import Observed
from wgplugin.model.configuration import PeerSection
from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.ages import Ages
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.health import Health, PeerHealth, events, health, limit
from wgplugin.networks.reresolve import Search
from wgplugin.networks.services import Services
from wgplugin.networks.silence import Silence, begin
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
        *,
        hurries: bool,
    ) -> None:
        """Know nothing yet. ``move`` is called with a silent peer that is found elsewhere.

        ``hurries``: whether it matters how soon it is known that the tunnel is down.
        """
        self.observed: Observed | None = None
        self.health = Health.NEVER
        self.why = ""
        """Why the tunnel is down; empty if it isn't."""
        self.configured = 0.0
        """When the tunnel's configuration was applied last, in seconds since 1970."""
        self._configured_at = services.clock.monotonic()
        self._clock = services.clock
        self._timings = services.timings
        self._conditions = conditions
        self._ages = Ages()
        self._hurries = hurries
        self._silences: dict[Key, Silence] = {}
        self._sections: Mapping[Key, PeerSection] = {}
        self._peers: tuple[PeerHealth, ...] = ()
        self._is_active = False
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

    def see(
        self, observed: Observed, subject: object, sections: Iterable[PeerSection], trouble: str
    ) -> None:
        """Take note of a look at the device; log what has happened to ``subject``.

        ``sections``: the peers of the file. ``trouble``: why the tunnel is down, if that is known
        by something else than its peers.
        """
        before, was = self.observed, self.health
        self.observed = observed
        now = self._clock.monotonic()
        self._ages.look(self.peers, self._clock.wall(), self._clock.moment().seconds)
        self._silences = {peer.public_key: self._silence(peer, now) for peer in self.peers}
        self._is_active = before is not None and self._moved(before) != self._moved(observed)
        is_old = now - self._configured_at >= self._timings.down_never
        self._sections = {section.public_key: section for section in sections}
        self._peers = tuple(self._health(peer, now, is_old=is_old) for peer in self.peers)
        self.health, self.why = health(self._peers, self._timings)
        if trouble:
            self.health, self.why = Health.DOWN, trouble
        old = before.device if before else None
        for event in events(old, observed.device, was, self.health, self.why):
            log.info("%s: %s", subject, event)

    def lose(self) -> None:
        """Take note that the device isn't there."""
        self.observed, self.health, self.why = None, Health.NEVER, ""
        self._silences, self._peers = {}, ()

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
        usual = timings.observe
        if is_young or self._search.is_urgent:
            usual = timings.observe_soon
        if not self._hurries:
            return usual
        is_busy = self._is_active or self.health is Health.DOWN
        usual = min(usual, timings.observe_soon if is_busy else timings.observe_pool)
        # One that is down already is looked at for an answer.
        limits = (limit(each, timings) for each in self._peers if not each.down(timings))
        return min([usual, *limits])

    def _silence(self, peer: Peer, now: float) -> Silence:
        known = self._silences.get(peer.public_key)
        return known.follow(peer, now) if known else begin(peer, now)

    def _health(self, peer: Peer, now: float, *, is_old: bool) -> PeerHealth:
        age, section = self._ages.of(peer.public_key), self._sections.get(peer.public_key)
        if section and section.endpoint is None:
            # It dials in, and may be away: it owes nothing.
            return PeerHealth(age)
        since = self._silences[peer.public_key].owes_since
        # At the look that shows it, it owes for no time yet.
        owing = 0.0 if since is None else max(now - since, 0.001)
        return PeerHealth(age, owing, is_old and section is not None and peer.endpoint is None)

    @staticmethod
    def _moved(observed: Observed) -> int:
        return sum(peer.sent + peer.received for peer in observed.device.peers)

    def peer_statuses(self) -> tuple[PeerStatus, ...]:
        """Return the status of each peer, as it was seen last."""
        return tuple(
            peer_status(peer, self._ages.wall(peer.public_key), self._name(peer))
            for peer in self.peers
        )

    def _name(self, peer: Peer) -> str:
        section = self._sections.get(peer.public_key)
        return section.note.name if section else ""
