"""How long a configuration that has failed isn't switched to. Pure."""

from __future__ import annotations

from wgplugin.networks.pauses import Pauses


class Rests:
    """The rests of a pool's configurations, by name; all times are in seconds, by one clock."""

    def __init__(self, first: float, longest: float) -> None:
        """Let one rest for ``first`` seconds, and twice as long each time that it fails again."""
        self._limits = first, longest
        self._pauses: dict[str, Pauses] = {}
        self._ends: dict[str, float] = {}

    def fail(self, name: str, now: float) -> None:
        """Take note that one has failed."""
        pauses = self._pauses.setdefault(name, Pauses(*self._limits))
        self._ends[name] = now + pauses.next()

    def prove(self, name: str) -> None:
        """Take note that one has worked for long: its next rest is a short one."""
        self._pauses.pop(name, None)
        self._ends.pop(name, None)

    def is_resting(self, name: str, now: float) -> bool:
        """Return whether one isn't to be switched to."""
        return now < self._ends.get(name, now)
