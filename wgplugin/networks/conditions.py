"""The parts of a tunnel that can fail separately; the log has each failure and its end once."""

from __future__ import annotations

import logging
from enum import Enum, auto

log = logging.getLogger(__name__)


class Condition(Enum):
    """A part of a tunnel that can fail separately."""

    SETTING_UP = auto()
    LATE = auto()
    FILES = auto()
    DEVICE = auto()
    PEERS = auto()
    FIREWALL = auto()
    FORWARDING = auto()
    PORTS = auto()
    PROBE = auto()
    NO_PROBE = auto()
    POOL = auto()
    NAMES = auto()


class Conditions:
    """The present failure of each part; ``str()`` joins them, empty for none."""

    def __init__(self, subject: object) -> None:
        """Log failures as those of ``subject``, by its ``str()``."""
        self.subject = subject
        self._troubles: dict[Condition, str] = {}

    def __str__(self) -> str:
        return "; ".join(filter(None, self._troubles.values()))

    def note(self, condition: Condition, trouble: str = "") -> None:
        """Remember the failure of a part, empty for none; log it if it is new, and its end."""
        before = self._troubles.get(condition, "")
        if trouble and trouble != before:
            log.warning("%s: %s", self.subject, trouble)
        elif before and not trouble:
            log.info("%s: over: %s", self.subject, before)
        self._troubles[condition] = trouble
