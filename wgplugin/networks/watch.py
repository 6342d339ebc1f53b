"""Looks at a WireGuard device now and then: how it is doing, and whether it is as it should be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol
from zlib import crc32

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model.backends import Observed, Unseen
from wgplugin.model.configuration import PeerSection, Probe
from wgplugin.model.device import DeviceConfig, PeerConfig, SocketAddress, short
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.desired import Desired
from wgplugin.networks.drift import Drift
from wgplugin.networks.pauses import Pauses
from wgplugin.networks.probing import Probing
from wgplugin.networks.services import Services
from wgplugin.networks.vitals import Vitals

log = logging.getLogger(__name__)


class Configurable(Protocol):
    """Where the device is: a container's namespace, or a router's."""

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        """Ask a target through the device; return whether it has answered."""

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        """Change the device's configuration; return whether it was there."""


class Watch:
    """Knows how a device is doing from the looks at it, and has it put right if need be."""

    def __init__(
        self,
        device: str,
        desired: Desired,
        services: Services,
        conditions: Conditions,
        place: Callable[[], Configurable | None],
        drifted: Callable[[bool], None],
        probe: Callable[[], Probe | None],
        *,
        hurries: bool = False,
    ) -> None:
        """Know nothing yet of ``device``, given by its name on the host.

        ``place`` returns where it is, None if that isn't open. ``drifted`` is called if somebody
        else has changed it; with False if nftables were changed, too. ``probe`` returns what to ask
        through it. ``hurries``: as in Vitals.
        """
        self.vitals = Vitals(desired.network_id, services, conditions, self._move, hurries=hurries)
        self._probing = Probing(device, place, conditions, services.clock, services.timings)
        self._probe = probe
        self._device = device
        self._desired = desired
        self._conditions = conditions
        self._clock = services.clock
        self._place = place
        self._drifted = drifted
        timings = services.timings
        self._drift = Drift(Pauses(timings.observe, timings.retry_longest))
        self._look_at = self._clock.monotonic() + _share(device) * timings.observe_soon

    def is_due(self, now: float) -> bool:
        """Return whether it is time for a look."""
        return now >= self._look_at

    def begin(self) -> None:
        """Take note that a look begins."""
        self._look_at = self._clock.monotonic() + self._pace()

    def see(self, seen: Observed | Unseen | BackendError, gone: str) -> None:
        """Take note of what a look has shown; ``gone`` is what it means that nothing is there."""
        try:
            self._see(seen, gone)
        except Exception:
            log.exception("%s: can't be looked at [%s]", self._conditions.subject, Code.FAILED)

    def lose(self, trouble: str) -> None:
        """Take note that the device isn't there; ``trouble`` is empty if that's as it should be."""
        self.vitals.lose()
        self._conditions.note(Condition.DEVICE, trouble)

    def end(self) -> None:
        """Stop looking for peers, and asking."""
        self.vitals.end_search()
        self._probing.end()

    def _see(self, seen: Observed | Unseen | BackendError, gone: str) -> None:
        if isinstance(seen, BackendError):
            self._conditions.note(Condition.DEVICE, str(seen))
        elif seen is Unseen.GONE:
            self.lose(gone)
        elif isinstance(seen, Observed):
            self._conditions.note(Condition.DEVICE)
            self._probing.look(self._probe())
            peers, trouble = self._desired.peers, self._probing.trouble
            self.vitals.see(seen, self._conditions.subject, peers, trouble)
            self.vitals.search(peers, self._desired.settings)
            self._look_at = self._clock.monotonic() + self._pace()
            self._compare(seen)

    def _pace(self) -> float:
        return self._probing.pace(self.vitals.pace())

    def _compare(self, observed: Observed) -> None:
        wanted, now = self._desired.device, self._clock.monotonic()
        has_drifted = wanted and self._drift.is_due(observed.device, wanted, now)
        if has_drifted or not observed.guarded:
            self._drifted(observed.guarded)

    async def _move(self, section: PeerSection, address: SocketAddress) -> None:
        """Set the endpoint of a peer that was found, if it still is one."""
        place, key = self._place(), section.public_key
        peer = next((each for each in self.vitals.peers if each.public_key == key), None)
        if not (place and peer and section in self._desired.peers):
            return
        self._desired.move(section, address)
        change = DeviceConfig(peers=(PeerConfig(key, endpoint=address),))
        if await place.configure(self._device, change) and peer.endpoint is None:
            subject = self._conditions.subject
            log.info("%s: peer %s is found: %s", subject, short(key), address)


def _share(device: str) -> float:
    """Return a number from 0 to 1, by which the looks at many devices are spread over time."""
    return crc32(device.encode()) / 0xFFFFFFFF
