"""A plugin whose links for published ports let out more than answers is caught.

Both ends are open, as either would be enough to keep the host clean.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.docker_release import NEWEST, at_hand
from tests.e2e.leaks.planted import leaking_plugin
from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.planted import (
    ALL_ARE_ANSWERS,
    HOST_S_END,
    LINK_EXITS,
    LINK_FRAMES,
    OPEN_ROUTER,
)
from tests.e2e.live.leaks.published import ANOTHER_PORT, CLIENTS, published
from tests.e2e.live.leaks.scene import Scene
from tests.e2e.live.leaks.test_planted_faults import LIVE_CONFIG
from tests.e2e.live.ports.clients import another_host

pytestmark = in_modes(CONTAINER, SHARED)

FAULTS = {
    False: (LINK_EXITS, LINK_FRAMES, HOST_S_END),
    True: (ALL_ARE_ANSWERS, OPEN_ROUTER, HOST_S_END),
}
"""The faults by whether networks are shared."""


@pytest.fixture(scope="module", autouse=True)
def newest_release() -> None:
    """Try the scenarios on one release, as they are the same on all."""
    if at_hand() < NEWEST:
        pytest.skip("the scenarios are tried on Docker {}.{} and later".format(*NEWEST))


@pytest.fixture(scope="module")
def open_links(scene: Scene, config_dir: Path) -> Iterator[Scene]:
    faults = FAULTS[scene.shared]
    with (
        leaking_plugin(*faults, config_dir=config_dir, config=LIVE_CONFIG) as plugin,
        another_host(),
    ):
        yield replace(scene, driver=plugin)


def test_whatever_else_leaves_by_a_link_is_caught_there_and_on_the_host(open_links: Scene) -> None:
    with published(open_links, "open-links", 129) as ports:
        pretended = ports.pretends(CLIENTS[4][1], ANOTHER_PORT, opening=True)
        leaks = ports.goes_on()
    assert pretended
    assert any("on a link" in leak for leak in leaks)
    assert any("marker on e2e-world" in leak for leak in leaks)
