"""What is due for a peer: by its silence, by what it was sent, and by where else it may be."""

from dataclasses import replace
from ipaddress import ip_address
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.trail import INITIATION, Sight, Step, Trail, is_urgent, next_step, try_next
from wgplugin.timings import Timings

A, B, C, D = (SocketAddress(ip_address(f"192.0.2.{n}"), 51820) for n in range(1, 5))
NOW = 1000.0
AFTER = 135.0
PEER = Peer(Key(b"k" * 32), endpoint=A, last_handshake=5.0, received=5000, sent=5000)
SENDING = replace(PEER, sent=5000 + INITIATION)
KEEPALIVE = replace(PEER, sent=5000 + INITIATION - 1)
MISSING = replace(PEER, endpoint=None)
TIMINGS = Timings(search_missing=5.0, try_next=15.0, search_silent=30.0)

ONE, TWO = (A,), (A, B)
WAIT, NEXT, ASK, CHECK = Step.WAIT, Step.NEXT, Step.ASK, Step.CHECK


def sight(
    peer: Peer = SENDING,
    known: tuple[SocketAddress, ...] = TWO,
    age: float = 140.0,
    configured: float = 500.0,
    is_literal: bool = False,
) -> Sight:
    return Sight(peer, known, is_literal, age, configured)


def due(
    sight: Sight,
    since: float = 15.0,
    asked: float = 500.0,
    tried: tuple[SocketAddress, ...] = (),
    after: float = AFTER,
) -> Step:
    """Return what is due; ``since`` and ``asked`` are ages."""
    return next_step(Trail(PEER, NOW - since, NOW - asked, tried), sight, NOW, after, TIMINGS)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # An established peer, at first.
        (due(sight(age=134.0)), WAIT),
        (due(sight(age=135.0)), ASK),
        (due(sight(age=135.0), since=14.0), WAIT),
        (due(sight(configured=134.0)), WAIT),
        (due(sight(age=70.0), after=60.0), ASK),
        # It stays silent.
        (due(sight(), asked=15.0, tried=(A,)), NEXT),
        (due(sight(), asked=15.0, tried=(A,), since=14.0), WAIT),
        (due(sight(configured=1.0), asked=15.0, tried=(A,)), NEXT),
        (due(sight(known=(A, B, C)), tried=(C, A)), NEXT),
        (due(sight(), tried=(B, A)), ASK),
        (due(sight(), asked=29.0, tried=(B, A)), NEXT),
        # It has one address.
        (due(sight(known=ONE)), ASK),
        (due(sight(known=ONE), asked=29.0), WAIT),
        (due(sight(known=ONE), asked=30.0), ASK),
        (due(sight(known=ONE), asked=29.0, after=20.0), ASK),
        # It has moved to another one.
        (due(sight(known=(B,)), asked=29.0), NEXT),
        # It never answered.
        (due(sight(age=inf, configured=15.0), asked=15.0), NEXT),
        (due(sight(age=inf, configured=14.0), asked=14.0), WAIT),
        (due(sight(age=inf, configured=31.0), asked=31.0), ASK),
        (due(sight(age=inf, known=ONE, configured=134.0), asked=134.0), WAIT),
        (due(sight(age=inf, known=ONE, configured=135.0), asked=135.0), ASK),
        (due(sight(age=inf, known=(), configured=31.0), asked=31.0), ASK),
        # Its address is in the file.
        (due(sight(known=ONE, is_literal=True)), WAIT),
        (due(sight(known=(B,), is_literal=True)), NEXT),
        # Nothing is sent to it that needs an answer.
        (due(sight(PEER), since=29.0), WAIT),
        (due(sight(PEER), since=30.0), CHECK),
        (due(sight(KEEPALIVE), since=30.0, tried=(A, B)), CHECK),
        (due(sight(PEER), since=30.0, asked=29.0), WAIT),
        (due(sight(PEER, is_literal=True), since=500.0), WAIT),
        (due(sight(PEER, age=134.0), since=500.0), WAIT),
        # It has no address.
        (due(sight(MISSING, age=inf, known=()), asked=4.0), WAIT),
        (due(sight(MISSING, age=inf, known=()), asked=5.0, since=5.0), ASK),
        (due(sight(MISSING, age=1.0, configured=5.0), asked=5.0, since=0.0), ASK),
    ],
)
def test_step_is_taken_when_it_is_due(step: Step, expected: Step) -> None:
    assert step is expected


@pytest.mark.parametrize(
    ("peer", "answered"),
    [
        (SENDING, False),
        (replace(SENDING, received=5001), True),
        (replace(SENDING, last_handshake=4.0), True),
        (replace(PEER, sent=10), True),
        (replace(SENDING, received=10), True),
        (replace(SENDING, endpoint=B), False),
    ],
)
def test_answer_ends_a_search(peer: Peer, answered: bool) -> None:
    trail = Trail(PEER, 7.0, 8.0, (A, B))
    assert trail.follow(peer, NOW) == (Trail(peer, NOW, 8.0) if answered else trail)


@pytest.mark.parametrize(
    ("known", "present", "tried", "expected"),
    [
        ((), None, (), ()),
        ((A,), None, (), (A,)),
        ((A, B), None, (), (A,)),
        ((A,), A, (), ()),
        ((A, B), A, (), (A, B)),
        ((A, B, C), B, (), (B, C)),
        ((A, B, C), C, (B, C), (B, C, A)),
        ((A, B, C), A, (B, C, A), (A, B)),
        ((B,), A, (), (A, B)),
        ((B, A, C), B, (A, B), (A, B, C)),
        ((B, C), D, (D,), (D, B)),
    ],
)
def test_next_address_is_the_one_after_the_present_one_that_was_not_tried(
    known: tuple[SocketAddress, ...],
    present: SocketAddress | None,
    tried: tuple[SocketAddress, ...],
    expected: tuple[SocketAddress, ...],
) -> None:
    assert try_next(known, present, tried) == expected


@given(st.permutations([A, B, C, D]), st.integers(2, 4), st.data())
def test_every_address_gets_its_turn_in_any_order_of_the_answers(
    order: list[SocketAddress], count: int, data: st.DataObject
) -> None:
    addresses = order[:count]
    present = data.draw(st.sampled_from(addresses))
    tried: tuple[SocketAddress, ...] = ()
    for _ in range(5):
        seen = {present}
        for _ in range(count - 1):
            # The name may be asked, and answer in another order, at any time.
            tried = try_next(data.draw(st.permutations(addresses)), present, tried)
            present = tried[-1]
            seen.add(present)
        assert seen == set(addresses)


@given(st.integers(2, 5), st.integers(0, 100))
def test_addresses_that_keep_their_order_are_gone_through_round_and_round(
    count: int, start: int
) -> None:
    known = [SocketAddress(ip_address(f"2001:db8::{n}"), 1) for n in range(count)]
    present, went = known[start % count], []
    tried: tuple[SocketAddress, ...] = ()
    for _ in range(3 * count):
        tried = try_next(known, present, tried)
        present = tried[-1]
        went.append(known.index(present))
    assert went == [(start + n) % count for n in range(1, 3 * count + 1)]


@pytest.mark.parametrize(
    ("seen", "tried", "step", "urgent"),
    [
        (sight(MISSING), (), WAIT, True),
        (sight(PEER), (), WAIT, False),
        (sight(SENDING), (), WAIT, False),
        (sight(SENDING), (), ASK, True),
        (sight(SENDING), (A, B), WAIT, True),
        (sight(PEER), (A, B), WAIT, False),
        (sight(PEER), (A, B), CHECK, False),
        (sight(SENDING, is_literal=True), (A, B), WAIT, False),
    ],
)
def test_look_is_urgent_while_an_answer_may_come(
    seen: Sight, tried: tuple[SocketAddress, ...], step: Step, urgent: bool
) -> None:
    assert is_urgent(Trail(PEER, 0.0, 0.0, tried), seen, step) is urgent
