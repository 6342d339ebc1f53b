"""Routers are kept by files, which stand for their namespaces as long as somebody wants them."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.kernel.namespaces import (
    alone,
    ip,
    needs_mounts,
    needs_namespaces,
    own_mounts,
    unmount,
    within,
    write_below_proc,
)
from tests.kernel.test_router import FIRST, PLAN
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import sysctl
from wgplugin.kernel.containers import KernelContainers
from wgplugin.kernel.pins import Pins
from wgplugin.kernel.routers import KernelRouters
from wgplugin.kernel.setns import apart, leave
from wgplugin.kernel.sharing import FOLDER
from wgplugin.model.backends import Router, Unseen
from wgplugin.model.device import DeviceConfig

ID = "f" * 64


def inside(work: Callable[[KernelRouters], Awaitable[None]], mount: Path) -> None:
    """Do work with routers below a folder, in a mount namespace of its own."""
    own_mounts()
    # A proc of one's own can't be had in a user namespace.
    sysctl.write = write_below_proc

    async def run() -> None:
        await work(KernelRouters(mount, "owner"))

    asyncio.run(run())


def names(pinned: Path) -> list[str]:
    namespace = Pins(pinned.parent, "owner").open(pinned.name)
    assert namespace is not None
    found = within(namespace, lambda: [name for _, name in socket.if_nameindex()])
    os.close(namespace)
    return found


def is_there(mount: Path) -> bool:
    """Return whether a router can be found again."""
    namespace = Pins(mount / FOLDER, "owner").open(ID)
    if namespace is not None:
        os.close(namespace)
    return namespace is not None


def open_files() -> list[str]:
    return [path.name for path in Path("/proc/self/fd").iterdir()]


@needs_namespaces
@needs_mounts
@alone
def test_router_that_is_made_is_found_again(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        assert not is_there(tmp_path)
        assert await kernel.networks() == frozenset()
        made = await kernel.make(ID)
        assert not (await made.apply(PLAN, DeviceConfig())).ready
        made.close()
        other = KernelRouters(tmp_path, "owner")
        assert await other.networks() == {ID}
        assert is_there(tmp_path)
        found = await other.make(ID)
        assert (await found.apply(PLAN, DeviceConfig())).done == ("nftables installed",)
        again = await other.make(ID)
        assert await again.ports() == frozenset()
        assert "br0" in names(tmp_path / FOLDER / ID)
        assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_router_of_another_plugin_is_not_listed_and_can_be_deleted(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        other = KernelRouters(tmp_path, "other")
        (await other.make(ID)).close()
        assert await kernel.networks() == frozenset()
        assert await other.networks() == {ID}
        await kernel.delete(ID)
        assert not [path for path in (tmp_path / FOLDER).iterdir() if ID in path.name]

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_router_that_is_deleted_is_gone_with_its_devices(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        router = await kernel.make(ID)
        await router.attach(FIRST, "02:42:ac:14:00:05", PLAN)
        assert FIRST in [name for _, name in socket.if_nameindex()]
        for _ in range(2):
            await kernel.delete(ID)
            assert FIRST not in [name for _, name in socket.if_nameindex()]
            assert await kernel.networks() == frozenset()
            assert not is_there(tmp_path)

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_pin_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        router = await kernel.make(ID)
        await router.apply(PLAN, DeviceConfig())
        assert await kernel.is_pinned(router)
        unmount(tmp_path / FOLDER / ID)
        assert not await kernel.is_pinned(router)
        assert await kernel.is_pinned(router)
        assert "br0" in names(tmp_path / FOLDER / ID)
        unmount(tmp_path / FOLDER / ID)
        (tmp_path / FOLDER / ID).unlink()
        assert not await kernel.is_pinned(router)
        assert "br0" in names(tmp_path / FOLDER / ID)

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_file_without_a_namespace_is_none_and_is_used_again(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / ID).touch()
        assert not is_there(tmp_path)
        router = await kernel.make(ID)
        assert await kernel.is_pinned(router)
        (tmp_path / FOLDER / "other").touch()
        await kernel.delete("other")
        assert await kernel.networks() == {ID}

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_router_that_is_closed_leaves_no_file_open(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        router = await kernel.make(ID)
        router.close()
        before = len(open_files())
        for _ in range(3):
            router = await kernel.make(ID)
            await router.apply(PLAN, DeviceConfig())
            router.close()
        assert len(open_files()) == before
        with pytest.raises(BackendError) as error:
            await router.ports()
        assert error.value.code is Code.NO_ROUTER

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_routers_are_looked_at_beside_containers(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        router = await kernel.make(ID)
        containers = KernelContainers(tmp_path)
        assert await containers.observe([(router, "wg0")], 10.0) == [Unseen.GONE]

    inside(work, tmp_path)


@needs_namespaces
@needs_mounts
@alone
def test_change_in_a_router_is_noticed(tmp_path: Path) -> None:
    async def work(kernel: KernelRouters) -> None:
        router: Router = await kernel.make(ID)
        noticed = asyncio.ensure_future(router.changed())
        await asyncio.sleep(0)
        namespace = Pins(tmp_path / FOLDER, "owner").open(ID)
        assert namespace is not None
        within(namespace, lambda: ip("link set lo up"))
        await asyncio.wait_for(noticed, 10)

    inside(work, tmp_path)


def may_mount_proc() -> bool:
    def write() -> None:
        leave()
        sysctl.write(sysctl.IPV6_FORWARDING, "0")

    try:
        apart(write)
    except OSError:
        return False
    return True


@pytest.mark.skipif(not may_mount_proc(), reason="needs CAP_SYS_ADMIN, IPv6 and Linux 5.2")
def test_setting_is_that_of_the_thread_s_namespace() -> None:
    path = Path("/proc/sys", sysctl.IPV6_FORWARDING)
    before = path.read_text()

    def written() -> str:
        leave()
        sysctl.write(sysctl.IPV6_FORWARDING, "1")
        return path.read_text()

    assert apart(written) == "1\n"
    assert path.read_text() == before
