"""A tunnel's health, from its peers' handshakes and answers. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from wgplugin.model.device import Device, short
from wgplugin.timings import Timings

SESSION = 180.0
"""Seconds that a session lasts after its handshake (WireGuard's REJECT_AFTER_TIME)."""


class Health(StrEnum):
    """UP: a peer has a session. STALE: a peer had one. NEVER: no peer ever had one.

    DOWN: something went to a peer, and it doesn't answer; no other peer is up.
    """

    UP = "up"
    STALE = "stale"
    DOWN = "down"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class PeerHealth:
    """How a peer is doing.

    ``age``: that of its last handshake, infinity for never. ``owing``: how long it has owed an
    answer, 0 if it doesn't. Both are in seconds. ``is_lost``: whether its endpoint isn't found.
    """

    age: float
    owing: float = 0.0
    is_lost: bool = False

    @property
    def has_never_answered(self) -> bool:
        """Whether it never had a handshake."""
        return self.age == math.inf

    def most(self, timings: Timings) -> float:
        """Return how long it may owe an answer, in seconds."""
        return timings.down_never if self.has_never_answered else timings.down_after

    def down(self, timings: Timings) -> str:
        """Return why the peer is down, for the user; empty if it isn't."""
        most = self.most(timings)
        if self.is_lost:
            return "its peer isn't found"
        if self.owing < most:
            return ""
        what = "no handshake within" if self.has_never_answered else "no answer for"
        return f"{what} {most:g} s"


def limit(peer: PeerHealth, timings: Timings) -> float:
    """Return the seconds until a peer that owes an answer is down; infinity if it owes none."""
    return max(peer.most(timings) - peer.owing, 0.0) if peer.owing else math.inf


def health(peers: Collection[PeerHealth], timings: Timings) -> tuple[Health, str]:
    """Return the health of a tunnel by its peers', and why it is down; empty if it isn't."""
    troubles = {each: each.down(timings) for each in peers}
    if any(each.age < SESSION and not trouble for each, trouble in troubles.items()):
        return Health.UP, ""
    if trouble := next(filter(None, troubles.values()), ""):
        return Health.DOWN, trouble
    youngest = min((each.age for each in peers), default=math.inf)
    return (Health.NEVER if youngest == math.inf else Health.STALE), ""


def events(before: Device | None, device: Device, was: Health, now: Health, why: str) -> list[str]:
    """Return the events between two looks at a device, worded for a log.

    ``before`` and ``was`` are of the earlier look, ``device`` and ``now`` of this one. ``why`` says
    why it is down.
    """
    happened = []
    if now is Health.UP and was is not now:
        happened.append("up: handshake" if was is Health.NEVER else "up: handshake again")
    if now is Health.STALE and was is not now:
        happened.append(f"stale: no handshake for {SESSION:g} s")
    if now is Health.DOWN and was is not now:
        happened.append(f"down: {why}")
    old = {peer.public_key: peer.endpoint for peer in before.peers} if before else {}
    for peer in device.peers:
        there = old.get(peer.public_key)
        if there and peer.endpoint and there != peer.endpoint:
            happened.append(
                f"endpoint changed: peer {short(peer.public_key)} from {there} to {peer.endpoint}"
            )
    return happened
