"""Pauses between attempts, which grow. Pure."""

from __future__ import annotations


class Pauses:
    """Pauses in seconds: each is twice the one before, up to the longest."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = self._next = first
        self._longest = longest

    def next(self) -> float:
        """Return the next pause."""
        pause = self._next
        self._next = min(2 * pause, self._longest)
        return pause

    def reset(self) -> None:
        """Begin anew with the first pause."""
        self._next = self._first
