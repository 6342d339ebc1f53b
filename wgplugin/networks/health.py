"""A tunnel's health, from its peers' handshakes. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from wgplugin.model.device import Device, short

SESSION = 180.0
"""Seconds that a session lasts after its handshake (WireGuard's REJECT_AFTER_TIME)."""


class Health(StrEnum):
    """UP: a peer has a session. STALE: a peer had one. NEVER: no peer ever had one."""

    UP = "up"
    STALE = "stale"
    NEVER = "never"


def health(ages: Iterable[float]) -> Health:
    """Return the health of a tunnel by the ages of its peers' handshakes, in seconds (`Ages`)."""
    youngest = min(ages, default=math.inf)
    if youngest == math.inf:
        return Health.NEVER
    return Health.UP if youngest < SESSION else Health.STALE


def events(before: Device | None, device: Device, was: Health, now: Health) -> list[str]:
    """Return the events between two looks at a device, worded for a log.

    ``before`` and ``was`` are of the earlier look, ``device`` and ``now`` of this one.
    """
    happened = []
    if now is Health.UP and was is not now:
        happened.append("up: handshake" if was is Health.NEVER else "up: handshake again")
    if now is Health.STALE and was is not now:
        happened.append(f"stale: no handshake for {SESSION:g} s")
    old = {peer.public_key: peer.endpoint for peer in before.peers} if before else {}
    for peer in device.peers:
        there = old.get(peer.public_key)
        if there and peer.endpoint and there != peer.endpoint:
            happened.append(
                f"endpoint changed: peer {short(peer.public_key)} from {there} to {peer.endpoint}"
            )
    return happened
