"""A neighbour on the bridge can neither divert traffic nor reach the tunnel's address."""

from collections.abc import Iterator

import pytest

from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.neighbours import divert, intrude, neighbour
from tests.e2e.live.leaks.scene import Box, Scene, Tunnel, full_tunnel_and_bridge

pytestmark = in_modes(CONTAINER, SHARED)


@pytest.fixture(scope="module")
def placed(scene: Scene) -> Iterator[tuple[Tunnel, Box, Box]]:
    with full_tunnel_and_bridge(scene, "beside-it") as (tunnel, box), neighbour(scene) as other:
        yield tunnel, box, other


def test_router_advertisements_and_redirects_change_nothing(
    scene: Scene,
    placed: tuple[Tunnel, Box, Box],
) -> None:
    _, box, other = placed
    diverted = divert(box, other, scene.bridge)
    assert not diverted.seen.leaks
    assert not diverted.routes


def test_tunnel_s_address_is_out_of_reach(scene: Scene, placed: tuple[Tunnel, Box, Box]) -> None:
    assert intrude(scene, *placed) == set()
