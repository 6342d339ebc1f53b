"""Moments tell apart what is long ago from what is of another boot."""

import math

from wgplugin.clock import Moment, SystemClock


def test_seconds_between_two_moments_of_a_boot() -> None:
    assert Moment("a", 30.5).since(Moment("a", 10.0)) == 20.5


def test_another_boot_is_infinitely_long_ago() -> None:
    assert Moment("b", 5.0).since(Moment("a", 10.0)) == math.inf


def test_now_goes_on_within_a_boot() -> None:
    first = SystemClock().moment()
    assert 0 <= SystemClock().moment().since(first) < math.inf
