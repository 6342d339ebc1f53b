"""A clock that a test sets."""

from __future__ import annotations

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
