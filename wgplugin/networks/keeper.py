"""Keeps something as it should be: by one step, taken at each change until it succeeds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from wgplugin.clock import Clock
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.pauses import Pauses
from wgplugin.networks.schedule import Schedule
from wgplugin.timings import Timings

log = logging.getLogger(__name__)


class Keeper:
    """Takes the step after each wake(), and after a failure again, with growing pauses."""

    def __init__(
        self,
        step: Callable[[], Awaitable[bool]],
        conditions: Conditions,
        clock: Clock,
        timings: Timings,
    ) -> None:
        """Keep what ``step`` compares with its desired state, and brings there.

        ``step`` returns False if it must be taken again. It may raise PluginError, which is noted
        as a failure to set up.
        """
        self._step = step
        self._conditions = conditions
        self._now = clock.monotonic
        self._schedule = Schedule(Pauses(timings.retry_first, timings.retry_longest))
        self._woken = asyncio.Event()

    def wake(self, *, at_once: bool = False) -> None:
        """Have the step taken soon; after the present pause between attempts unless ``at_once``."""
        self._schedule.wake(at_once=at_once)
        self._woken.set()

    async def run(self) -> None:
        """Take the step whenever it is due, until cancelled."""
        while True:
            self._woken.clear()
            if self._schedule.begin_attempt(self._now()):
                reached = await self._attempt()
                self._schedule.end_attempt(self._now(), reached=reached)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._schedule.pause(self._now())):
                    await self._woken.wait()

    async def _attempt(self) -> bool:
        try:
            return await self._step()
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not set up: {error}")
        except Exception:
            log.exception("%s: failed unexpectedly [%s]", self._conditions.subject, Code.FAILED)
        return False
