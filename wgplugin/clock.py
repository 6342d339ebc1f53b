"""The host's clocks, and moments that can be compared after a restart of the plugin.

Clocks that nobody can set measure ages and waits. The wall clock is only for the times that the
kernel reports in it.
"""

from __future__ import annotations

import math
import time
from functools import cache
from pathlib import Path
from typing import Protocol

import msgspec

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Moment(msgspec.Struct, frozen=True):
    """A moment in the life of the host: the id of the boot, and the seconds since then."""

    boot_id: str
    seconds: float

    def since(self, earlier: Moment) -> float:
        """Return the seconds from ``earlier`` to this moment; infinity if the boots differ."""
        return self.seconds - earlier.seconds if self.boot_id == earlier.boot_id else math.inf


class Clock(Protocol):
    """The plugin's clocks."""

    def moment(self) -> Moment:
        """Return the present moment, by a clock that goes on while the host sleeps."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, for ages and waits."""

    def wall(self) -> float:
        """Return the seconds since 1970, by the host's date."""


class SystemClock:
    """The clocks of this host."""

    def moment(self) -> Moment:
        """Return the present moment, by CLOCK_BOOTTIME (clock_gettime(2))."""
        return Moment(_boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return time.time()


@cache
def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()
