"""How long a failed configuration rests."""

from wgplugin.networks.rests import Rests


def rest_of(rests: Rests, name: str, now: float) -> float:
    rests.fail(name, now)
    return next(after for after in range(1, 10_000) if not rests.is_resting(name, now + after))


def test_one_that_never_failed_does_not_rest() -> None:
    assert not Rests(60.0, 3600.0).is_resting("a", 0.0)


def test_rests_grow_up_to_the_longest() -> None:
    rests = Rests(60.0, 200.0)
    assert [rest_of(rests, "a", at) for at in (0.0, 1e4, 2e4, 3e4)] == [60, 120, 200, 200]


def test_one_rests_alone() -> None:
    rests = Rests(60.0, 3600.0)
    rests.fail("a", 0.0)
    assert rests.is_resting("a", 59.0)
    assert not rests.is_resting("b", 59.0)


def test_one_that_has_worked_for_long_begins_with_the_first_rest() -> None:
    rests = Rests(60.0, 3600.0)
    rest_of(rests, "a", 0.0)
    rest_of(rests, "a", 1e4)
    rests.prove("a")
    assert not rests.is_resting("a", 1e4)
    assert rest_of(rests, "a", 2e4) == 60
