"""A plugin whose shared networks leak is caught, by the scenarios that find nothing otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.docker import docker
from tests.e2e.docker_release import NEWEST, at_hand
from tests.e2e.leaks.planted import leaking_plugin
from tests.e2e.live.leaks import scenarios
from tests.e2e.live.leaks.modes import SHARED, in_modes
from tests.e2e.live.leaks.planted import (
    NO_EXITS,
    NO_FRAMES,
    NO_KILL_SWITCH,
    OPEN_LOOPBACK,
    OPEN_ROUTER,
    OPEN_TO_PEERS,
    TAKEN_FOR_ANOTHER,
)
from tests.e2e.live.leaks.scene import OUTSIDE, Scene
from tests.e2e.live.leaks.shared.cast import Cast, cast
from tests.e2e.live.leaks.shared.scenarios import (
    reached_by_peers,
    reached_on_the_loopback,
    second_way_out,
)
from tests.e2e.live.leaks.test_planted_faults import LIVE_CONFIG

pytestmark = in_modes(SHARED)

FAULTS = (
    NO_EXITS,
    NO_FRAMES,
    NO_KILL_SWITCH,
    OPEN_LOOPBACK,
    OPEN_ROUTER,
    OPEN_TO_PEERS,
    TAKEN_FOR_ANOTHER,
)


@pytest.fixture(scope="module", autouse=True)
def newest_release() -> None:
    """Try the scenarios on one release, as they are the same on all."""
    if at_hand() < NEWEST:
        pytest.skip("the scenarios are tried on Docker {}.{} and later".format(*NEWEST))


@pytest.fixture(scope="module")
def open_plugin(plugin: str, config_dir: Path) -> Iterator[str]:
    with leaking_plugin(*FAULTS, config_dir=config_dir, config=LIVE_CONFIG) as open_plugin:
        yield open_plugin


@pytest.fixture(scope="module")
def open_ways(scene: Scene, open_plugin: str) -> Scene:
    return replace(scene, driver=open_plugin)


@pytest.fixture(scope="module")
def shared(open_ways: Scene) -> Iterator[Cast]:
    with cast(open_ways, "open", 126) as shared:
        shared.reaches_the_world()
        yield shared


def test_open_exits_are_caught(shared: Cast) -> None:
    assert shared.beside.goes_on(shared.since)


def test_second_way_out_of_the_router_is_caught(shared: Cast) -> None:
    assert any("way-out" in leak for leak in second_way_out(shared))


def test_containers_that_are_open_to_peers_are_caught(open_ways: Scene, shared: Cast) -> None:
    assert reached_by_peers(open_ways, shared) == list(shared.alone.addresses(shared.tunnel))


def test_loopback_that_is_open_to_others_is_caught(open_ways: Scene, shared: Cast) -> None:
    assert reached_on_the_loopback(open_ways, shared)


def test_reply_to_a_peer_that_leaves_by_a_bridge_is_caught(open_ways: Scene) -> None:
    assert any(" on " in wrong for wrong in scenarios.calls(open_ways, beside_a_bridge=True))


def test_missing_kill_switch_is_caught(open_ways: Scene) -> None:
    with (
        open_ways.tunnel("switch", "10.8.127.1/32", "fd08:127::1/128") as tunnel,
        open_ways.box(open_ways.bridge, tunnel) as box,
    ):
        docker("network", "disconnect", tunnel.net, box.name)
        assert box.send("plain", *OUTSIDE).leaks
