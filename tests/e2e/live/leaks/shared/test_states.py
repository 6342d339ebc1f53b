"""Whatever fails beside them, containers of a shared network stay in its tunnel."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.e2e.docker import PLUGIN, docker
from tests.e2e.leaks.boundary import PROBES
from tests.e2e.leaks.faults import killed_plugin, silent_peer, unreachable_endpoint
from tests.e2e.live.conftest import tunnel, wait_for
from tests.e2e.live.leaks.modes import SHARED, in_modes
from tests.e2e.live.leaks.scene import Scene
from tests.e2e.live.leaks.shared.cast import Cast, cast
from tests.e2e.live.leaks.shared.scenarios import second_way_out
from tests.e2e.registry import put_plugin

pytestmark = in_modes(SHARED)

# What somebody with the host in his hands does to a router, one after the other.
BREAKAGES = (
    (("ip", "link", "set", "wg0", "down"),),
    (("ip", "link", "set", "wg0", "up"), ("nft", "flush", "ruleset")),
    (("ip", "link", "del", "wg0"),),
)
HALVES = "0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1"


@pytest.fixture(scope="module")
def shared(scene: Scene) -> Iterator[Cast]:
    with cast(scene, "states", 120) as shared:
        yield shared


@pytest.fixture(autouse=True)
def well(shared: Cast) -> Iterator[None]:
    """After each test, containers reach the world by the tunnel again."""
    yield
    shared.reaches_the_world()


def test_nothing_leaves_from_the_first_instruction_on(shared: Cast) -> None:
    assert not shared.leaks(shared.since)


@pytest.mark.parametrize("fault", [silent_peer, unreachable_endpoint, killed_plugin])
def test_nothing_leaves_when_something_fails(
    shared: Cast, fault: Callable[[], AbstractContextManager[None]]
) -> None:
    start = shared.mark()
    with fault():
        assert not shared.leaks(start)


def test_nothing_leaves_while_the_router_is_put_right(shared: Cast) -> None:
    start = shared.mark()
    for breakage in BREAKAGES:
        for command in breakage:
            shared.tunnel.router(*command)
        shared.reaches_the_world()
    assert not shared.leaks(start)


@contextmanager
def disabled_plugin() -> Iterator[None]:
    docker("plugin", "disable", "--force", PLUGIN)
    try:
        yield
    finally:
        docker("plugin", "enable", PLUGIN)


def test_nothing_leaves_a_broken_router_that_nobody_puts_right(shared: Cast) -> None:
    start = shared.mark()
    with disabled_plugin():
        assert not shared.leaks(start)
        for breakage in BREAKAGES:
            for command in breakage:
                shared.tunnel.router(*command)
            assert not shared.leaks(start), breakage


def test_nothing_leaves_by_another_device_of_the_router(shared: Cast) -> None:
    assert not second_way_out(shared)


def test_nothing_leaves_while_the_plugin_is_upgraded(shared: Cast, repository: str) -> None:
    rootfs = "build/rootfs.tar"
    config = json.loads(run("plugin/config.sh", "live", rootfs))
    reference = put_plugin(repository, "upgraded", config, Path(rootfs))
    source = docker(
        "plugin", "inspect", "--format", "{{(index .Settings.Mounts 0).Source}}", PLUGIN
    )
    start = shared.mark()
    with disabled_plugin():
        answers = ("--skip-remote-check", "--grant-all-permissions")
        docker("plugin", "upgrade", *answers, PLUGIN, reference)
        assert not shared.leaks(start)
        docker("plugin", "set", PLUGIN, f"config.source={source}")
    shared.reaches_the_world()
    assert not shared.leaks(start)


@contextmanager
def edited(scene: Scene, shared: Cast, pattern: str, instead: str) -> Iterator[None]:
    """The network's file has another text in the place of a pattern, and has been read."""
    name = shared.tunnel.configuration
    path = scene.configurations.folder / f"{name}.conf"
    before = path.read_text()
    configured = tunnel(name)["configured"]
    text = re.sub(pattern, instead, before)
    assert text != before
    path.write_text(text)
    try:
        wait_for(
            name,
            lambda status: bool(status["error"]) or status["configured"] != configured,
            "the edit",
        )
        yield
    finally:
        edit = tunnel(name)
        path.write_text(before)
        wait_for(
            name,
            lambda status: (
                not status["error"]
                and bool(edit["error"] or status["configured"] != edit["configured"])
            ),
            "the edit to be taken back",
        )


EDITS = (
    ("AllowedIPs = .*", f"AllowedIPs = {HALVES}"),
    ("PublicKey = ....", "PublicKey = AAAA"),
    ("AllowedIPs", "AllowedIP"),
)


def test_nothing_leaves_when_the_file_is_edited(scene: Scene, shared: Cast) -> None:
    start = shared.mark()
    for edit in EDITS:
        with edited(scene, shared, *edit):
            assert not shared.leaks(start), edit


def test_container_on_the_network_alone_stays_in_it_when_allowed_ips_shrink(
    scene: Scene, shared: Cast
) -> None:
    start = shared.mark()
    # What the other container begins with stays in the tunnel, too: it looks the same.
    left = f"AllowedIPs = {PROBES[0]}, {PROBES[-1]}"
    with edited(scene, shared, "AllowedIPs = .*", left):
        assert not shared.alone.goes_on(start)
