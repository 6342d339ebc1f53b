"""Whether the host has the plugin's mounts is seen, on hosts of either sort."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.kernel.namespaces import alone, needs_mounts, needs_namespaces, own_mounts, unmount
from wgplugin.kernel.pins import Pins
from wgplugin.kernel.setns import apart
from wgplugin.kernel.sharing import FOLDER, PROBE, is_shared, mount_options

pytestmark = [needs_namespaces, needs_mounts]

T = TypeVar("T")

CLONE_NEWNS, MS_BIND, MS_REC = 0x00020000, 0x1000, 0x4000
MS_PRIVATE, MS_SHARED = 1 << 18, 1 << 20
NAME = "f" * 64

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0) -> None:
    result = _libc.mount(source.encode(), bytes(target), kind.encode(), ctypes.c_ulong(flags), None)
    assert result == 0, ctypes.get_errno()


def host(folder: Path, propagation: int) -> Path:
    """Go on in a host's mount namespace, and return its /run."""
    own_mounts()
    run = folder / "run"
    run.mkdir()
    mount("none", run, "tmpfs")
    mount("", run, flags=propagation)
    (run / "docker").mkdir()
    return run


def plugin(run: Path, work: Callable[[Path], T]) -> T:
    """Do work in a mount namespace as runc makes one, given where the host's folder is mounted."""

    def start() -> T:
        own_mounts()
        mount("", run, flags=MS_SHARED | MS_REC)
        target = run.parent / "docker"
        target.mkdir(exist_ok=True)
        mount(str(run / "docker"), target, flags=MS_BIND | MS_REC)
        mount("", target, flags=MS_SHARED | MS_REC)
        # The host's mounts themselves are out of a plugin's sight.
        mount("", run, flags=MS_PRIVATE | MS_REC)
        unmount(run)
        return work(target)

    return apart(start)


def on_the_host(work: Callable[[], None]) -> None:
    """Do work in the mount namespace of the process, as seen from a plugin's."""

    def go_and_work() -> None:
        own_mounts()
        with Path("/proc/self/ns/mnt").open() as namespace:
            assert _libc.setns(namespace.fileno(), CLONE_NEWNS) == 0
        work()

    apart(go_and_work)


@alone
def test_host_whose_mounts_are_shared_is_known(tmp_path: Path) -> None:
    run = host(tmp_path, MS_SHARED)
    for _ in range(3):
        assert plugin(run, is_shared)
    assert mount_options(run / "docker" / FOLDER / PROBE) is not None


@alone
def test_host_whose_mounts_are_not_shared_is_known(tmp_path: Path) -> None:
    run = host(tmp_path, MS_PRIVATE)
    for _ in range(2):
        assert not plugin(run, is_shared)
    assert mount_options(run / "docker" / FOLDER / PROBE) is None
    mount("", run, flags=MS_SHARED)
    assert plugin(run, is_shared)


@alone
def test_pins_and_docker_s_namespaces_are_seen_on_both_sides(tmp_path: Path) -> None:
    run = host(tmp_path, MS_SHARED)
    (run / "docker" / "netns").mkdir()

    def pin(folder: Path) -> None:
        assert is_shared(folder)
        Pins(folder / FOLDER, "owner").make(NAME)
        on_the_host(lambda: mount("none", run / "docker" / "netns", "tmpfs"))
        assert mount_options(folder / "netns") is not None

    def find(folder: Path) -> bool:
        assert is_shared(folder)
        assert Pins(folder / FOLDER, "owner").names() == {NAME}
        found = Pins(folder / FOLDER, "owner").open(NAME) is not None
        Pins(folder / FOLDER, "owner").delete(NAME)
        return found

    plugin(run, pin)
    assert Pins(run / "docker" / FOLDER, "owner").open(NAME) is not None
    assert plugin(run, find)
    assert Pins(run / "docker" / FOLDER, "owner").open(NAME) is None
