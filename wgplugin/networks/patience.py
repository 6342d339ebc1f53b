"""The time that a start may take to find its peers and to have their answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wgplugin.clock import Moment

TOGETHER = 22.0
"""The most seconds for both, which leaves some of a call's for the rest (`Timings.call`)."""

EACH = 6.0
"""The seconds that a configuration of a pool has to answer, while there are others to try.

WireGuard repeats a handshake after 5.33 s at most (messages.h: REKEY_TIMEOUT and its jitter).
"""


class Patience:
    """What is left of that time, for all of the configurations that one start tries."""

    def __init__(self, now: Callable[[], Moment]) -> None:
        self._now = now
        self._begun = now()
        self._finding = 0.0
        self._asking = 0.0

    @contextmanager
    def finding(self, most: float, *, is_last: bool) -> Iterator[float]:
        """Give the seconds for finding peers, which the block uses.

        ``most`` is the limit for all configurations. The last one has all that is left of it, and
        each before it half of that.
        """
        begun = self._now()
        left = self._left(most - self._finding)
        try:
            yield left if is_last else left / 2
        finally:
            self._finding += self._now().since(begun)

    @contextmanager
    def asking(self, most: float, *, is_last: bool) -> Iterator[float]:
        """Give the seconds for asking peers, which the block uses; each but the last has `EACH`."""
        begun = self._now()
        left = self._left(most - self._asking)
        try:
            yield left if is_last else min(left, EACH)
        finally:
            self._asking += self._now().since(begun)

    def _left(self, of_limit: float) -> float:
        return max(0.0, min(of_limit, TOGETHER - self._now().since(self._begun)))
