"""What the kernel refuses half-way leaves no way out of a shared network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.commands import CommandError, run
from tests.e2e.leaks.planted import Leak, leaking_plugin
from tests.e2e.live.leaks.modes import SHARED, in_modes
from tests.e2e.live.leaks.planted import NO_DEVICE, NO_NFTABLES, NO_PORT, NO_WAY_IN, REFUSALS
from tests.e2e.live.leaks.scene import WORST, Scene
from tests.e2e.live.leaks.test_planted_faults import LIVE_CONFIG

pytestmark = in_modes(SHARED)


@pytest.fixture(scope="module")
def refusing_plugin(plugin: str, config_dir: Path) -> Iterator[str]:
    with leaking_plugin(*REFUSALS, config_dir=config_dir, config=LIVE_CONFIG) as refusing_plugin:
        yield refusing_plugin


@pytest.fixture(scope="module")
def refusing(scene: Scene, refusing_plugin: str) -> Scene:
    return replace(scene, driver=refusing_plugin)


@contextmanager
def refused(scene: Scene, refusal: Leak) -> Iterator[None]:
    """The kernel refuses something, for as long as the block lasts."""
    switch = scene.configurations.folder / refusal.name
    switch.touch()
    try:
        yield
    finally:
        switch.unlink()


@pytest.mark.parametrize("refusal", [NO_NFTABLES, NO_DEVICE, NO_PORT], ids=lambda it: it.name)
def test_container_is_refused_if_its_router_can_t_be_set_up(refusing: Scene, refusal: Leak) -> None:
    with refusing.tunnel("refused", "10.8.124.1/32", "fd08:124::1/128") as tunnel:
        start = refusing.outside.mark()
        with (
            refused(refusing, refusal),
            pytest.raises(CommandError, match=refusal.name),
            refusing.box(refusing.bridge, tunnel, command=WORST),
        ):
            pass
        assert not seen_of(refusing, start)
        assert "wgp" not in run("ip", "-brief", "link")


def seen_of(scene: Scene, start: int) -> list[str]:
    """Return what was seen of any container that does its worst since a mark."""
    frames = scene.outside.frames[start : scene.outside.mark()]
    return [str(frame) for frame in frames if b"leak-" in frame.packet]


def test_nothing_leaves_a_container_that_can_t_be_set_up(refusing: Scene) -> None:
    addresses = ("10.8.124.2/32", "fd08:124::2/128")
    with (
        refusing.tunnel("unset", *addresses) as tunnel,
        refused(refusing, NO_WAY_IN),
    ):
        start = refusing.outside.mark()
        with refusing.box(refusing.bridge, tunnel, command=WORST) as box:
            assert not box.goes_on(start)
