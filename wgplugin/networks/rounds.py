"""Looks at all WireGuard devices when their turn has come, and tells of edits of their files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model.backends import Container, Observed, Router, Unseen
from wgplugin.networks.edits import Edits
from wgplugin.networks.services import Services

log = logging.getLogger(__name__)


class Watched(Protocol):
    """A WireGuard device with its files: a container's own, or a router's."""

    @property
    def configuration(self) -> str:
        """The name of its configuration."""

    @property
    def device(self) -> str:
        """Its name on the host."""

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the device."""

    def look(self) -> Container | Router | None:
        """Begin a look; return where to look, None if the device isn't there."""

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown."""

    def edited(self, version: str) -> None:
        """Take note of the present version of the files."""

    def check_date(self, wall: float) -> None:
        """End the peers that have expired; ``wall`` is in seconds since 1970."""


W = TypeVar("W", bound=Watched)


class Rounds(Generic[W]):
    """Takes what is watched as it is at the moment, from ``watched``."""

    def __init__(
        self,
        services: Services,
        edits: Edits,
        watched: Callable[[], Iterable[W]],
        seen: Callable[[W], None],
    ) -> None:
        """``seen`` is called after each look."""
        self._services = services
        self._edits = edits
        self._watched = watched
        self._seen = seen

    async def run(self, before: Callable[[], None]) -> None:
        """Look at each device now and then, and calls ``before`` each time that one is due.

        A peer that has expired ends within a round.
        """
        services = self._services
        while True:
            await asyncio.sleep(services.timings.round)
            now, wall = services.clock.monotonic(), services.clock.wall()
            for each in self._watched():
                each.check_date(wall)
            due = [each for each in self._watched() if each.is_look_due(now)]
            try:
                if due:
                    before()
                    await self.look(due)
            except Exception:
                log.exception("the tunnels can't be looked at [%s]", Code.FAILED)

    async def look(self, watched: Iterable[W]) -> None:
        """Look at devices, all at once: a look by itself takes longer to begin than to do."""
        looks = [(each, each.look()) for each in watched]
        there = [(each, place) for each, place in looks if place]
        asked = [(place, each.device) for each, place in there]
        seen = await self._services.containers.observe(asked, self._services.timings.status)
        for (each, _), found in zip(there, seen, strict=True):
            each.see(found)
            self._seen(each)

    async def follow_edits(self) -> None:
        """Tell what is watched of the edits of its files, for ever."""

        def names() -> set[str]:
            return {each.configuration for each in self._watched()}

        async for versions in self._edits.follow(names):
            for each in tuple(self._watched()):
                if version := versions.get(each.configuration):
                    each.edited(version)
