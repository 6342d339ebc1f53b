"""Conditions of a tunnel: each can be wrong by itself, and is logged once."""

from __future__ import annotations

import logging
from enum import Enum, auto

log = logging.getLogger(__name__)


class Condition(Enum):
    """A part of a tunnel that can fail by itself."""

    SETTING_UP = auto()
    FILES = auto()
    DEVICE = auto()
    PEERS = auto()
    FIREWALL = auto()


class Conditions:
    """The present trouble of each condition."""

    def __init__(self, subject: object) -> None:
        """Log troubles as those of ``subject``, which ``str()`` names."""
        self._subject = subject
        self._troubles: dict[Condition, str] = {}

    def __str__(self) -> str:
        return "; ".join(filter(None, self._troubles.values()))

    def note(self, condition: Condition, trouble: str = "") -> None:
        """Remember the trouble of a condition, or that there is none; log it if it is new."""
        if trouble and trouble != self._troubles.get(condition):
            log.warning("%s: %s", self._subject, trouble)
        self._troubles[condition] = trouble
