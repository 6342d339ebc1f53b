"""Moments tell apart what is long ago from what is of another boot."""

import math

from wgplugin import moments
from wgplugin.moments import Moment


def test_seconds_between_two_moments_of_a_boot() -> None:
    assert Moment("a", 30.5).since(Moment("a", 10.0)) == 20.5


def test_another_boot_is_infinitely_long_ago() -> None:
    assert Moment("b", 5.0).since(Moment("a", 10.0)) == math.inf


def test_now_goes_on_within_a_boot() -> None:
    first = moments.now()
    assert 0 <= moments.now().since(first) < math.inf
