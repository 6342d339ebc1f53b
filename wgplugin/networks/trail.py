"""What to do about a peer that may not be where its endpoint says. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from wgplugin.model.device import Peer, SocketAddress
from wgplugin.networks.silence import has_answered, is_anew
from wgplugin.timings import Timings

INITIATION = 148
"""The bytes of a handshake initiation, which the kernel's counter includes (messages.h, socket.c).

That is what goes out to a peer that doesn't answer. A keepalive, of 32 bytes, needs no answer.
"""


class Step(Enum):
    """What is due for a peer.

    NEXT: to try the next known address. ASK: to ask for its addresses, then to try the next one.
    CHECK: to see if the host has a way to the present address, and to ask if not.
    """

    WAIT = auto()
    NEXT = auto()
    ASK = auto()
    CHECK = auto()


@dataclass(frozen=True, slots=True)
class Sight:
    """A peer at a look.

    ``known``: the last answer for its endpoint in the file. ``is_literal``: that endpoint is an
    address, so no answer will be another one. ``age``: that of its last handshake, infinity for
    never; ``configured``: that of its configuration. Both are in seconds.
    """

    peer: Peer
    known: Sequence[SocketAddress]
    is_literal: bool
    age: float
    configured: float

    def is_silent(self, after: float, timings: Timings) -> bool:
        """Return whether it has been without a handshake for ``after`` seconds.

        It gets less time if it never had one, and may have other addresses.
        """
        hurries = self.age == math.inf and len(self.known) != 1
        limit = min(after, timings.try_next) if hurries else after
        return min(self.age, self.configured) >= limit


@dataclass(frozen=True, slots=True)
class Trail:
    """The search for a peer: where it began, and how far it is.

    ``peer``: the peer at its last answer, or at the last step since then. ``since``: when that was.
    ``asked``: when its name was resolved last. Both are in seconds, by one clock. ``tried``: the
    addresses that it had in this round of the search; empty if it isn't searched.
    """

    peer: Peer
    since: float
    asked: float
    tried: tuple[SocketAddress, ...] = ()

    def follow(self, peer: Peer, now: float) -> Trail:
        """Return the trail after a look: a new one if the peer has answered since then."""
        before = self.peer
        is_followed = has_answered(before, peer) or is_anew(before, peer)
        return Trail(peer, now, self.asked) if is_followed else self

    def unanswered(self, peer: Peer) -> int:
        """Return the bytes that went out to the peer since ``since``."""
        return peer.sent - self.peer.sent


def next_step(trail: Trail, sight: Sight, now: float, after: float, timings: Timings) -> Step:
    """Return what is due for a peer whose trail is up to date.

    ``now`` is in seconds by the trail's clock. ``after`` is the silence, in seconds, after which a
    peer is searched.
    """
    peer = sight.peer
    since_step, since_asked = now - trail.since, now - trail.asked
    if peer.endpoint is None:
        return Step.ASK if since_asked >= timings.search_missing else Step.WAIT
    is_searched = trail.tried or sight.is_silent(after, timings)
    if not is_searched or since_step < timings.try_next:
        return Step.WAIT
    may_ask = not sight.is_literal and since_asked >= min(after, timings.search_silent)
    if trail.unanswered(peer) < INITIATION:
        # A packet without a route isn't counted as sent.
        return Step.CHECK if may_ask and since_step >= timings.search_silent else Step.WAIT
    tried = try_next(sight.known, peer.endpoint, trail.tried)
    round_goes_on = trail.tried and tried[:-1] == trail.tried
    if may_ask and not round_goes_on:
        return Step.ASK
    return Step.NEXT if tried else Step.WAIT


def is_urgent(trail: Trail, sight: Sight, step: Step) -> bool:
    """Return whether the next look at a peer should come soon: it is missing, or searched."""
    answer_may_come = trail.tried and not sight.is_literal and trail.unanswered(sight.peer)
    return sight.peer.endpoint is None or step in (Step.NEXT, Step.ASK) or bool(answer_may_come)


def try_next(
    known: Sequence[SocketAddress], present: SocketAddress | None, tried: Sequence[SocketAddress]
) -> tuple[SocketAddress, ...]:
    """Return the addresses tried in a round, with the next one to try as the last; or none.

    After the present address comes the one behind it in ``known``. When all have been tried, a new
    round begins with the present one.
    """
    first = known.index(present) + 1 if present in known else 0
    others = [each for each in (*known[first:], *known[:first]) if each != present]
    if not others:
        return ()
    begin = (present,) if present else ()
    left = [each for each in others if each not in tried]
    return (*(tried or begin), left[0]) if left else (*begin, others[0])
