"""The times of this host, and moments that can be compared after a restart of the plugin.

Ages and waits are measured by clocks that nobody can set. The wall clock serves only for the times
that the kernel reports in it.
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
    """A time in the life of the host: which boot, and how many seconds after it."""

    boot_id: str
    seconds: float

    def since(self, earlier: Moment) -> float:
        """Return the seconds from ``earlier`` to here; infinity from another boot."""
        return self.seconds - earlier.seconds if self.boot_id == earlier.boot_id else math.inf


class Clock(Protocol):
    """What the plugin measures time with."""

    def moment(self) -> Moment:
        """Return this moment, which goes on while the host sleeps."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, for ages and waits."""

    def wall(self) -> float:
        """Return the seconds since 1970, as the host's date has them."""


class SystemClock:
    """The clocks of this host."""

    def moment(self) -> Moment:
        """Return this moment, by CLOCK_BOOTTIME."""
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
