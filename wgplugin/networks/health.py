"""How a tunnel is doing, by what the kernel tells of its peers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from wgplugin.model.device import Device, Peer, short

SESSION = 180.0
"""The seconds that a session lasts after its handshake (WireGuard's REJECT_AFTER_TIME)."""


class Health(StrEnum):
    """Whether there is a session with a peer, or was one, or never was."""

    UP = "up"
    STALE = "stale"
    NEVER = "never"


def health(peers: Iterable[Peer], now: float) -> Health:
    """Return how a tunnel with these peers is at a moment, in seconds since 1970."""
    last = max((peer.last_handshake for peer in peers), default=0.0)
    if not last:
        return Health.NEVER
    return Health.UP if now - last < SESSION else Health.STALE


def is_silent(peer: Peer, configured: float, wall: float, after: float) -> bool:
    """Tell whether a peer may have moved: no handshake for ``after`` seconds.

    ``configured`` is how many seconds ago it got its endpoint, ``wall`` the time now in seconds
    since 1970.
    """
    return peer.endpoint is None or min(wall - peer.last_handshake, configured) > after


def events(before: Device | None, device: Device, was: Health, now: Health) -> list[str]:
    """Return what has happened since a device was looked at before, in words for a log."""
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
