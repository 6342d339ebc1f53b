"""When the next attempt to reach a desired state is due. Pure."""

from __future__ import annotations

from wgplugin.networks.pauses import Pauses


class Schedule:
    """All times are in seconds, by one clock. An attempt is due at first, and after wake()."""

    def __init__(self, retries: Pauses) -> None:
        """Let ``retries`` pass after failed attempts."""
        self._retries = retries
        self._is_awake = True
        self._attempt_at = 0.0

    def wake(self, *, at_once: bool = False) -> None:
        """Have an attempt, but after the present pause between attempts unless ``at_once``."""
        self._is_awake = True
        if at_once:
            self._attempt_at = 0.0

    def begin_attempt(self, now: float) -> bool:
        """Return whether an attempt is due; if so, it is taken for begun."""
        is_due = self._is_awake and now >= self._attempt_at
        if is_due:
            self._is_awake = False
        return is_due

    def end_attempt(self, now: float, *, reached: bool) -> None:
        """Take note of the end of an attempt; there is another one unless it was ``reached``."""
        if reached:
            self._retries.reset()
        else:
            self._is_awake, self._attempt_at = True, now + self._retries.next()

    def pause(self, now: float) -> float | None:
        """Return the seconds until an attempt is due, 0 if it is already; None for never."""
        return max(self._attempt_at - now, 0.0) if self._is_awake else None
