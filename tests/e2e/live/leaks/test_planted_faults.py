"""A plugin with a fault is caught by the fault's scenario.

Faults whose scenarios don't meet are planted together, as a plugin takes a while to start.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.leaks.planted import leaking_plugin
from tests.e2e.live.leaks import scenarios
from tests.e2e.live.leaks.neighbours import divert, intrude, neighbour
from tests.e2e.live.leaks.planted import (
    ADVERTISEMENTS,
    ARP_FOR_ALL,
    NO_EXITS,
    NO_FRAMES,
    OPEN_AT_THE_END,
    OTHERS_REPLIES,
    REAL_PORT,
    TUNNEL_S_ADDRESS,
)
from tests.e2e.live.leaks.scene import OUTSIDE, Box, Scene, Tunnel, full_tunnel_and_bridge

LIVE_CONFIG = "config.live.json"
OPEN_WAYS = (
    NO_EXITS,
    NO_FRAMES,
    TUNNEL_S_ADDRESS,
    ARP_FOR_ALL,
    REAL_PORT,
    OPEN_AT_THE_END,
    OTHERS_REPLIES,
)


@pytest.fixture(scope="module")
def open_plugin(plugin: str, config_dir: Path) -> Iterator[str]:
    """It stops nothing that passes over routes."""
    with leaking_plugin(*OPEN_WAYS, config_dir=config_dir, config=LIVE_CONFIG) as open_plugin:
        yield open_plugin


@pytest.fixture(scope="module")
def open_ways(scene: Scene, open_plugin: str) -> Scene:
    return replace(scene, driver=open_plugin)


@pytest.fixture(scope="module")
def placed(open_ways: Scene) -> Iterator[tuple[Tunnel, Box]]:
    with scenarios.host_asks_itself(), full_tunnel_and_bridge(open_ways, "open") as placed:
        yield placed


@pytest.mark.parametrize("way", ["marked", "spoofed", "frames"])
def test_open_exits_are_caught(placed: tuple[Tunnel, Box], way: str) -> None:
    assert placed[1].send(way, *OUTSIDE).leaks


def test_open_exit_for_bound_sockets_is_caught(
    open_ways: Scene, placed: tuple[Tunnel, Box]
) -> None:
    assert scenarios.bound(open_ways, placed[1]).leaks


def test_answers_to_neighbours_are_caught(open_ways: Scene, placed: tuple[Tunnel, Box]) -> None:
    with neighbour(open_ways) as other:
        assert intrude(open_ways, *placed, other) == {"ARP", "datagram", "echo"}


def test_open_port_of_the_resolver_is_caught(open_ways: Scene, placed: tuple[Tunnel, Box]) -> None:
    assert scenarios.forwarded_names(open_ways, placed[1])


def test_connection_that_leaves_the_tunnel_by_a_reload_is_caught(open_ways: Scene) -> None:
    assert scenarios.reload(open_ways)


def test_container_that_is_open_without_its_tunnel_is_caught(open_ways: Scene) -> None:
    left, names, _ = scenarios.disconnected(open_ways)
    assert left
    assert names


@pytest.fixture(scope="module")
def old_plugin(plugin: str, config_dir: Path) -> Iterator[str]:
    """It takes replies of another tunnel for those to a client, and routes of neighbours.

    Its exits still stop packets.
    """
    faults = (OTHERS_REPLIES, ADVERTISEMENTS)
    with leaking_plugin(*faults, config_dir=config_dir, config=LIVE_CONFIG) as old_plugin:
        yield old_plugin


@pytest.fixture(scope="module")
def old_replies(scene: Scene, old_plugin: str) -> Scene:
    return replace(scene, driver=old_plugin)


def test_replies_that_leave_the_tunnel_are_caught(old_replies: Scene) -> None:
    assert scenarios.calls(old_replies, beside_a_bridge=True)


def test_routes_of_neighbours_are_caught(old_replies: Scene) -> None:
    with (
        full_tunnel_and_bridge(old_replies, "old") as (_, box),
        neighbour(old_replies) as other,
    ):
        assert "proto ra" in divert(box, other, old_replies.bridge).routes
