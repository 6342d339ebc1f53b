"""Whether a peer owes an answer, and since when. Pure.

WireGuard answers data by data, or within 10 s by an empty packet (KEEPALIVE_TIMEOUT), and a
handshake initiation at once. A persistent keepalive needs no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wgplugin.model.device import Peer

KEEPALIVE = 32
"""The bytes of an empty packet (messages.h: the header of a data message, and its tag)."""

DATA = KEEPALIVE + 16
"""The least bytes of a packet with data, which is padded."""


def has_answered(before: Peer, peer: Peer) -> bool:
    """Return whether a peer has answered between two looks."""
    return peer.received > before.received or peer.last_handshake != before.last_handshake


def is_anew(before: Peer, peer: Peer) -> bool:
    """Return whether a peer was set up anew between two looks, as its counters tell."""
    return peer.received < before.received or peer.sent < before.sent


@dataclass(frozen=True, slots=True)
class Silence:
    """What a peer has done since its last answer.

    ``peer``: the peer at the last look at which it had answered, without its allowed IPs, which
    may take much memory. ``at``: when that was.
    ``owes_since``: the first look after which it owed an answer; None if it doesn't. All times are
    in seconds, by one clock.
    """

    peer: Peer
    at: float
    owes_since: float | None = None

    def follow(self, peer: Peer, now: float) -> Silence:
        """Return the same after another look at the peer."""
        if has_answered(self.peer, peer) or is_anew(self.peer, peer):
            return Silence(_bare(peer), now)
        if self.owes_since is None and self._is_owing(peer, now):
            return replace(self, owes_since=now)
        return self

    def _is_owing(self, peer: Peer, now: float) -> bool:
        interval = peer.persistent_keepalive
        keepalives = (now - self.at) // interval + 1 if interval else 0
        return peer.sent - self.peer.sent >= DATA + KEEPALIVE * keepalives


def begin(peer: Peer, now: float) -> Silence:
    """Return the silence of a peer that is seen for the first time.

    One that has never answered owes an answer to all that went to it.
    """
    if peer.received or peer.last_handshake:
        return Silence(_bare(peer), now)
    return Silence(replace(_bare(peer), sent=0), now).follow(peer, now)


def _bare(peer: Peer) -> Peer:
    return replace(peer, allowed_ips=())
