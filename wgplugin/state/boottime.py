"""Moments that can be compared after a restart of the plugin, whatever the host's date is."""

from __future__ import annotations

import math
import time
from functools import cache
from pathlib import Path

import msgspec

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Moment(msgspec.Struct, frozen=True):
    """A time in the life of the host: which boot, and how many seconds after it."""

    boot_id: str
    seconds: float

    def since(self, earlier: Moment) -> float:
        """Return the seconds from ``earlier`` to here; infinity from another boot."""
        return self.seconds - earlier.seconds if self.boot_id == earlier.boot_id else math.inf


def now() -> Moment:
    """Return this moment; a host that sleeps gets older meanwhile."""
    return Moment(_boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))


@cache
def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()
