"""Programs that pass over routes: by sockets' options, forged connections and frames."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.e2e.live.leaks import scenarios
from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.scene import OUTSIDE, Box, Scene, full_tunnel_and_bridge, gateways
from tests.e2e.provider import WEB_IPV4

pytestmark = in_modes(CONTAINER, SHARED)


@pytest.fixture(scope="module")
def box(scene: Scene) -> Iterator[Box]:
    with full_tunnel_and_bridge(scene, "past") as (_, box):
        yield box


def test_socket_bound_to_the_bridge_reaches_its_subnet_alone(scene: Scene, box: Box) -> None:
    seen = scenarios.bound(scene, box)
    assert not seen.leaks
    assert seen.reached >= set(map(ip_address, gateways(scene.bridge)))


def test_frames_to_addresses_in_the_tunnel_are_stopped(scene: Scene, box: Box) -> None:
    seen = box.send("frames", *OUTSIDE, *gateways(scene.bridge))
    assert not seen.leaks
    assert seen.reached >= set(map(ip_address, gateways(scene.bridge)))


def test_mark_of_replies_opens_nothing(box: Box) -> None:
    assert not box.send("marked", *OUTSIDE).leaks


def test_forged_connection_of_a_client_opens_nothing(box: Box) -> None:
    assert not box.send("spoofed", *OUTSIDE).leaks


def test_world_is_still_reached_by_the_tunnel_afterwards(box: Box) -> None:
    assert box.fetch(WEB_IPV4) == "10.8.110.1"
