"""The ages of peers' handshakes, which no change of the host's date touches. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from wgplugin.model.device import Key, Peer

ROUNDING = 0.001
"""Seconds that the difference of two clocks may be off, as a date has few digits left for them."""

CLOCK_WAS_SET = 2.0
"""The seconds by which the kernel's time of a handshake must be off to be corrected."""


@dataclass(frozen=True, slots=True)
class _Handshake:
    """A handshake: the kernel's time for it, since 1970, and when it was by the steady clock."""

    value: float
    moment: float


class Ages:
    """Knows how long ago each peer of a device had its last handshake.

    The kernel tells the time of a handshake by the wall clock (drivers/net/wireguard/timers.c),
    which anyone may set. So a handshake that is seen for the first time is dated by a clock that
    nobody can set. It was after the look before, which tells whether the date was set meanwhile.
    """

    def __init__(self) -> None:
        self._handshakes: dict[Key, _Handshake] = {}
        self._now = -math.inf
        self._wall = 0.0

    def look(self, peers: Iterable[Peer], wall: float, now: float) -> None:
        """Take note of a device's peers.

        Args:
            peers: all peers, as they are now.
            wall: the seconds since 1970, by the host's date.
            now: the seconds from any start, by a clock that goes on while the host sleeps, as the
                ages of WireGuard's sessions do (CLOCK_BOOTTIME).
        """
        seen, before, offset = self._handshakes, self._now, wall - now
        # The date may have been set between the handshake and this look.
        offsets = (offset, self._wall - before) if math.isfinite(before) else (offset,)
        self._handshakes = {
            peer.public_key: known
            if (known := seen.get(peer.public_key)) and known.value == peer.last_handshake
            else _Handshake(peer.last_handshake, _date(peer.last_handshake, offsets, before, now))
            for peer in peers
            if peer.last_handshake
        }
        self._now, self._wall = now, wall

    def of(self, key: Key) -> float:
        """Return how long ago a peer's handshake was at the last look; infinity for never."""
        handshake = self._handshakes.get(key)
        return self._now - handshake.moment if handshake else math.inf

    def wall(self, key: Key) -> float:
        """Return when a peer's handshake was, in seconds since 1970 by the present date; 0: never.

        It is the kernel's time, unless the date was set by more than CLOCK_WAS_SET since then.
        """
        handshake = self._handshakes.get(key)
        if not handshake:
            return 0.0
        corrected = self._wall - self.of(key)
        is_right = abs(corrected - handshake.value) <= CLOCK_WAS_SET
        return handshake.value if is_right else corrected


def _date(value: float, offsets: tuple[float, ...], before: float, now: float) -> float:
    """Return the moment of a handshake between two looks.

    ``offsets`` are the possible ones of the date's clock from the steady one.
    """
    moments = [value - offset for offset in offsets]
    possible = (each for each in moments if before - ROUNDING <= each <= now + ROUNDING)
    return min(max(next(possible, moments[0]), before), now)
