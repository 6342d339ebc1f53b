"""Nothing leaves a shared network while Docker's daemon is stopped or killed, and after that."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.faults.dockerd import Dockerd
from tests.e2e.faults.starting import RESTARTED
from tests.e2e.live.leaks.modes import SHARED, in_modes
from tests.e2e.live.leaks.scene import Scene
from tests.e2e.live.leaks.shared.cast import Cast, cast

pytestmark = [
    in_modes(SHARED),
    pytest.mark.skipif("LAB_SOURCE" not in os.environ, reason="stops the daemon; in the lab alone"),
    pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name),
]


@pytest.fixture(scope="module")
def shared(scene: Scene) -> Iterator[Cast]:
    with cast(scene, "daemon", 121, *RESTARTED) as shared:
        shared.reaches_the_world()
        yield shared


def test_nothing_leaves_when_containers_end_with_the_daemon(
    shared: Cast, number: signal.Signals
) -> None:
    dockerd, start = Dockerd(), shared.mark()
    dockerd.end(number)
    if number is signal.SIGKILL:
        # Containers go on until the daemon starts again.
        assert not shared.leaks(start)
    dockerd.start()
    shared.reaches_the_world()
    assert not shared.leaks(start)


def test_nothing_leaves_when_containers_outlive_the_daemon(
    shared: Cast, number: signal.Signals
) -> None:
    dockerd, start = Dockerd(), shared.mark()
    with dockerd.live_restore():
        dockerd.end(number)
        assert not shared.leaks(start)
        dockerd.start()
        shared.reaches_the_world()
        assert not shared.leaks(start)
