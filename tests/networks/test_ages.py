"""A handshake's age stays right when the host's date is set."""

from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgplugin.model.device import Key, Peer
from wgplugin.networks.ages import Ages
from wgplugin.networks.health import SESSION, Health, PeerHealth, health
from wgplugin.timings import Timings

KEY, OTHER = Key(b"k" * 32), Key(b"o" * 32)
DAY = 86400.0
START = 1_700_000_000.0
EXACT = 0.001


@dataclass
class World:
    """A host with a peer, whose date can be set."""

    now: float = 1000.0
    wall: float = START
    last_handshake: float = 0.0
    age: float = inf
    """The truth."""

    def __post_init__(self) -> None:
        self.ages = Ages()
        self.look()

    def go_on(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds
        self.age += seconds

    def shake_hands(self) -> None:
        self.last_handshake, self.age = self.wall, 0.0

    def look(self) -> None:
        peers = (Peer(KEY, last_handshake=self.last_handshake), Peer(OTHER))
        self.ages.look(peers, self.wall, self.now)

    @property
    def health(self) -> Health:
        return health([PeerHealth(self.ages.of(KEY))], Timings())[0]


steps = st.sampled_from([-DAY, 0.0, DAY])
pauses = st.floats(0.0, 100.0)


@given(st.lists(st.tuples(pauses, st.booleans(), pauses, st.booleans(), steps)))
def test_session_is_up_as_long_as_it_lasts_whatever_the_date_does(
    rounds: list[tuple[float, bool, float, bool, float]],
) -> None:
    world = World()
    for first, shakes, second, is_late, step in rounds:
        world.go_on(first)
        world.wall += 0.0 if is_late else step
        if shakes:
            world.shake_hands()
        world.wall += step if is_late else 0.0
        world.go_on(second)
        world.look()
        assert world.ages.of(KEY) == pytest.approx(world.age, abs=EXACT)
        if world.age == inf:
            assert world.health is Health.NEVER
        elif abs(world.age - SESSION) > EXACT:
            assert world.health is (Health.UP if world.age < SESSION else Health.STALE)


@given(st.lists(st.tuples(pauses, st.floats(-DAY, DAY), st.booleans()), max_size=20))
def test_age_is_never_off_by_more_than_the_time_between_two_looks(
    changes: list[tuple[float, float, bool]],
) -> None:
    world = World()
    for pause, step, shakes in changes:
        world.go_on(pause)
        world.wall += step
        if shakes:
            world.shake_hands()
    between = world.now - 1000.0
    world.look()
    assert world.age == inf or 0.0 <= world.ages.of(KEY) <= between
    world.wall += DAY
    world.go_on(500.0)
    world.look()
    assert abs(world.ages.of(KEY) - world.age) <= between + EXACT or world.age == inf


def test_first_look_takes_the_date_as_it_is() -> None:
    ages = Ages()
    ages.look([Peer(KEY, last_handshake=START - 50.0)], START, 7.0)
    assert ages.of(KEY) == 50.0


def test_handshake_of_tomorrow_at_the_first_look_is_of_now() -> None:
    ages = Ages()
    ages.look([Peer(KEY, last_handshake=START + DAY)], START, 7.0)
    assert ages.of(KEY) == 0.0


def test_peer_that_was_removed_or_never_was_there_has_no_age() -> None:
    world = World()
    world.shake_hands()
    world.look()
    world.last_handshake = 0.0
    world.look()
    assert world.ages.of(KEY) == inf
    assert world.ages.of(Key(b"n" * 32)) == inf
    assert world.ages.wall(KEY) == 0.0


def test_kernels_time_is_shown_unless_the_date_was_set() -> None:
    world = World()
    world.go_on(10.0)
    world.shake_hands()
    world.go_on(2.5)
    world.wall += 1.0
    world.look()
    assert world.ages.wall(KEY) == world.last_handshake
    world.wall -= DAY
    world.go_on(20.0)
    world.look()
    assert world.ages.wall(KEY) == pytest.approx(world.wall - 22.5, abs=1.01)
