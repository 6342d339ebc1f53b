"""Asks something through a tunnel now and then, where ``wireguard-probe`` says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from wgplugin.clock import Clock
from wgplugin.errors import PluginError
from wgplugin.model.configuration import Probe
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.timings import Timings

FAILURES = 2
"""The number of failures in a row by which a tunnel is down."""


class Askable(Protocol):
    """Where the device is: a container's namespace, or a router's."""

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        """Ask a target through a device; return whether it has answered."""


class Probing:
    """Asks one thing at a time; knows how often in a row it didn't answer."""

    def __init__(
        self,
        device: str,
        place: Callable[[], Askable | None],
        conditions: Conditions,
        clock: Clock,
        timings: Timings,
    ) -> None:
        """Ask nothing yet. ``place`` returns where the device is, None if that isn't open."""
        self._device = device
        self._place = place
        self._conditions = conditions
        self._now = clock.monotonic
        self._timings = timings
        self._target: Probe | None = None
        self._due = 0.0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """Why the tunnel is down, for the user; empty if it isn't."""
        if self._failures < FAILURES:
            return ""
        return f"{self._target} hasn't answered to {FAILURES} probes"

    def look(self, target: Probe | None) -> None:
        """Begin to ask ``target`` if it is time; None to ask nothing."""
        if target != self._target:
            self.end()
            self._target = target
            self._conditions.note(Condition.PROBE)
        place = self._place()
        is_running = self._task is not None and not self._task.done()
        if target and place and not is_running and self._now() >= self._due:
            self._due = self._now() + self._timings.probe_period
            self._task = asyncio.create_task(self._ask(place, target))

    def pace(self, usual: float) -> float:
        """Return the seconds until the next look, ``usual`` if nothing is asked."""
        timings = self._timings
        soon = timings.observe_soon if self._failures else timings.probe_period
        return min(usual, soon) if self._target else usual

    def end(self) -> None:
        """Ask nothing more, and forget what was."""
        if self._task:
            self._task.cancel()
        self._failures, self._due = 0, 0.0

    async def _ask(self, place: Askable, target: Probe) -> None:
        try:
            answered = await place.probe(self._device, target, self._timings.probe_answer)
        except PluginError as error:
            self._conditions.note(Condition.PROBE, str(error))
        else:
            self._failures = 0 if answered else self._failures + 1
            self._conditions.note(Condition.PROBE)
