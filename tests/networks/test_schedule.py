"""The next attempt is due when it should be."""

from __future__ import annotations

from wgplugin.networks.pauses import Pauses
from wgplugin.networks.schedule import Schedule


def schedule() -> Schedule:
    return Schedule(Pauses(1.0, 4.0))


def fail(each: Schedule, now: float) -> None:
    """Have an attempt that fails at once."""
    assert each.begin_attempt(now)
    each.end_attempt(now, reached=False)


def test_attempt_is_due_at_first_and_not_again_once_it_was_reached() -> None:
    each = schedule()
    assert each.pause(10.0) == 0.0
    assert each.begin_attempt(10.0)
    each.end_attempt(11.0, reached=True)
    assert not each.begin_attempt(50.0)
    assert each.pause(50.0) is None


def test_wake_during_an_attempt_leads_to_another_one() -> None:
    each = schedule()
    assert each.begin_attempt(10.0)
    each.wake()
    each.end_attempt(11.0, reached=True)
    assert each.begin_attempt(11.0)


def test_pauses_after_failed_attempts_grow_up_to_the_longest() -> None:
    each, now, pauses = schedule(), 10.0, []
    for _ in range(4):
        fail(each, now)
        pauses.append(each.pause(now) or 0.0)
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_pauses_are_short_again_after_an_attempt_that_was_reached() -> None:
    each = schedule()
    fail(each, 10.0)
    fail(each, 11.0)
    assert each.begin_attempt(13.0)
    each.end_attempt(13.0, reached=True)
    each.wake()
    fail(each, 20.0)
    assert each.pause(20.0) == 1.0


def test_wake_does_not_cut_a_pause_short_unless_it_is_at_once() -> None:
    each = schedule()
    fail(each, 10.0)
    each.wake()
    assert not each.begin_attempt(10.5)
    assert each.pause(10.5) == 0.5
    each.wake(at_once=True)
    assert each.begin_attempt(10.5)
