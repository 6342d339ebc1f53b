"""Clocks that a test sets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wgplugin.clock import Moment


@dataclass
class SetClock:
    """A Clock whose times are set; all of them go on together."""

    boot_id: str = "boot"
    seconds: float = 1000.0
    since_1970: float = 1_000_000.0

    def moment(self) -> Moment:
        return Moment(self.boot_id, self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.since_1970

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.since_1970 += seconds

    def reboot(self) -> None:
        """Start anew, as the host does."""
        self.boot_id += "+"
        self.seconds = 5.0


@dataclass
class LoopClock(SetClock):
    """A Clock that goes with its event loop's time; the date can be set."""

    def monotonic(self) -> float:
        """Return the seconds since the clock was made, while a loop runs."""
        return asyncio.get_running_loop().time() + self.seconds

    def moment(self) -> Moment:
        return Moment(self.boot_id, self.monotonic())

    def wall(self) -> float:
        return self.monotonic() + self.since_1970

    def set_date(self, by: float) -> None:
        """Set the date, by so many seconds."""
        self.since_1970 += by
