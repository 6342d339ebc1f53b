"""A tunnel's health, from the kernel's data on its peers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from wgplugin.model.device import Device, Peer, short

SESSION = 180.0
"""Seconds that a session lasts after its handshake (WireGuard's REJECT_AFTER_TIME)."""


class Health(StrEnum):
    """UP: a peer has a session. STALE: a peer had one. NEVER: no peer ever had one."""

    UP = "up"
    STALE = "stale"
    NEVER = "never"


def health(peers: Iterable[Peer], now: float) -> Health:
    """Return the health of a tunnel with these peers at ``now``, in seconds since 1970."""
    last = max((peer.last_handshake for peer in peers), default=0.0)
    if not last:
        return Health.NEVER
    return Health.UP if now - last < SESSION else Health.STALE


def is_silent(peer: Peer, configured: float, wall: float, after: float) -> bool:
    """Return whether a peer may have moved: no handshake for ``after`` seconds, or no endpoint.

    ``configured`` is the age of its endpoint in seconds. ``wall`` is the present time, in seconds
    since 1970.
    """
    return peer.endpoint is None or min(wall - peer.last_handshake, configured) > after


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
