"""Which files are taken for containers' namespaces, and what becomes of work that hangs there."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, containers
from wgplugin.kernel.containers import KEY, KernelContainer, KernelContainers
from wgplugin.kernel.link_messages import GET_LINKS, list_links
from wgplugin.kernel.setns import trouble
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import Turns
from wgplugin.model.backends import Unseen
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import Plan

T = TypeVar("T")

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("/var/run/docker/netns/0123456789ab", "0123456789ab"),
        ("/run/docker/netns/0123456789ab", "0123456789ab"),
        ("/var/run/docker/netns/default", None),
        ("/var/run/docker/netns/../../../etc/passwd", None),
        ("/var/run/docker/netns/0123456789ab/", None),
        ("/var/run/docker/netns/0123456789ab\n", None),
        ("/proc/1/ns/net", None),
        ("", None),
    ],
)
def test_only_docker_s_names_for_namespaces_are_taken(key: str, name: str | None) -> None:
    match = KEY.fullmatch(key)
    assert (match and match[1]) == name


def test_folder_that_is_not_mounted_is_reported(tmp_path: Path) -> None:
    assert "isn't mounted" in trouble(tmp_path)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch, release: threading.Event) -> None:
    """Let the kernel not answer for a device of the name "stuck"."""

    def observe(space: Space, device: str) -> None:
        if device == "stuck":
            release.wait()

    def configure(space: Space, device: str, change: DeviceConfig) -> bool:
        observe(space, device)
        return True

    monkeypatch.setattr(apply, "observe", observe)
    monkeypatch.setattr(apply, "configure", configure)


def made(pool: ThreadPoolExecutor) -> KernelContainer:
    return KernelContainer(Space(), Path("/nowhere"), (0, 0), Turns(pool.submit, 0.05))


@pytest.mark.usefixtures("hung")
async def test_work_that_hangs_is_an_error_of_its_container_alone(
    release: threading.Event,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = made(pool), made(pool)
        for device in ("stuck", "wg0"):
            with pytest.raises(BackendError, match="doesn't answer") as error:
                await one.configure(device, DeviceConfig())
            assert error.value.code is Code.NOT_SET_UP
            assert await other.configure("wg0", DeviceConfig())
        release.set()
        assert await eventually(lambda: one.configure("wg0", DeviceConfig()))
        one.close()
        other.close()


async def eventually(work: Callable[[], Awaitable[T]]) -> T:
    """Repeat work until the container answers."""
    while True:
        try:
            return await work()
        except BackendError:
            await asyncio.sleep(0)


def is_open(space: Space) -> bool:
    try:
        return bool(space.route.dump(GET_LINKS, list_links()))
    except OSError:
        return False


@pytest.mark.usefixtures("hung")
async def test_namespace_is_closed_when_the_work_in_it_is_over(release: threading.Event) -> None:
    with ThreadPoolExecutor(1) as pool:
        container = made(pool)
        space = container._space
        with pytest.raises(BackendError):
            await container.configure("stuck", DeviceConfig())
        container.close()
        assert is_open(space)
        release.set()
    assert not is_open(space)


async def test_refusal_has_a_reason_in_words() -> None:
    with ThreadPoolExecutor(1) as pool:
        container = made(pool)
        container._space.close()
        with pytest.raises(BackendError, match="can't be set up: Bad file descriptor"):
            await container.block_exits(Plan("wgp0", 1, ()))
        container.close()


@pytest.mark.usefixtures("hung")
async def test_look_that_hangs_is_an_error_of_its_container_alone(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PATIENCE", 0.01)
    kernel = KernelContainers(Path("/nowhere"))
    with ThreadPoolExecutor(1) as pool:
        some = [(made(pool), device) for device in ("wg0", "stuck", "wg0")]
        first, stuck, last = await kernel.observe(some, 0.1)
        assert [first, last] == [Unseen.GONE, Unseen.GONE]
        assert isinstance(stuck, BackendError)
        assert "doesn't answer" in str(stuck)
        assert await kernel.observe(some, 10.0) == [Unseen.GONE, Unseen.BUSY, Unseen.GONE]
        release.set()
        for each, _ in some:
            each.close()


@pytest.mark.usefixtures("hung")
async def test_look_at_a_container_with_other_work_is_left_out(release: threading.Event) -> None:
    kernel = KernelContainers(Path("/nowhere"))
    with ThreadPoolExecutor(1) as pool:
        container = made(pool)
        with pytest.raises(BackendError):
            await container.configure("stuck", DeviceConfig())
        assert await kernel.observe([(container, "wg0")], 10.0) == [Unseen.BUSY]
        release.set()
        container.close()


async def test_nothing_is_looked_at_if_nothing_is_asked() -> None:
    assert await KernelContainers(Path("/nowhere")).observe([], 0.0) == []


async def test_namespace_is_closed_at_once_where_no_work_goes_on() -> None:
    with ThreadPoolExecutor(1) as pool:
        container = made(pool)
        await container.block_exits(Plan("wgp0", 1, ()))
        assert is_open(container._space)
        container.close()
        assert not is_open(container._space)
