"""Work is done in the container's namespace, by a file as Docker has one, and nowhere else."""

import asyncio
import os
import resource
import socket
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from tests.kernel.namespaces import (
    DEVICE,
    OWNER,
    add_device,
    alone,
    here,
    ip,
    leave,
    mount,
    needs_ipv6,
    needs_mounts,
    needs_namespaces,
    needs_nftables,
    own_mounts,
    unmount,
)
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, privileges
from wgplugin.kernel.containers import KernelContainers
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.setns import Visitor, enter, opened
from wgplugin.model.backends import Container
from wgplugin.model.namespace import Item, Plan, blocked_exits

pytestmark = needs_namespaces

NAME = "0123456789ab"
KEY = f"/var/run/docker/netns/{NAME}"
PLAN = Plan(DEVICE, OWNER, (ip_interface("10.8.0.2/32"),), (ip_network("0.0.0.0/0"),))


def found() -> set[Item]:
    return set(Links(here().route).found(OWNER).items)


def go_into(path: Path) -> None:
    with opened(path) as namespace:
        enter(namespace)


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def opened_container(folder: Path, key: str = KEY) -> Container:
    container = await KernelContainers(folder).open(key)
    assert container
    return container


def do(folder: Path, work: Callable[[Container], Awaitable[object]]) -> None:
    """Do work in the container of a folder."""

    async def run() -> None:
        container = await opened_container(folder)
        await work(container)
        container.close()

    asyncio.run(run())


@alone
def test_exits_are_blocked_in_the_container_alone(tmp_path: Path) -> None:
    add_device("eth0")
    leave(tmp_path / NAME)
    do(tmp_path, lambda container: container.block_exits(PLAN))
    assert found() == set()
    go_into(tmp_path / NAME)
    assert found() == blocked_exits(PLAN)


@alone
def test_exits_are_opened_in_the_container_alone(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    apply.block_exits(here(), PLAN)

    async def close_and_open(container: Container) -> None:
        await container.block_exits(PLAN)
        await container.clear(DEVICE, OWNER)

    do(tmp_path, close_and_open)
    assert found() == blocked_exits(PLAN)
    go_into(tmp_path / NAME)
    assert found() == set()


@alone
def test_many_containers_at_once_each_get_theirs(tmp_path: Path) -> None:
    names = [f"{number:012x}" for number in range(20)]
    for number, name in enumerate(names):
        add_device(f"eth{number}")
        leave(tmp_path / name)

    async def ask(containers: KernelContainers, name: str) -> set[str]:
        container = await containers.open(KEY.replace(NAME, name))
        assert container
        others = await container.block_exits(PLAN)
        container.close()
        return {each.ifname for each in others}

    async def ask_all() -> list[set[str]]:
        containers = KernelContainers(tmp_path)
        return await asyncio.gather(*(ask(containers, name) for name in names))

    assert asyncio.run(ask_all()) == [{f"eth{number}", f"peer-eth{number}"} for number in range(20)]
    assert found() == set()


@alone
def test_namespace_lives_on_until_it_is_closed_and_no_file_is_left_open(tmp_path: Path) -> None:
    add_device("eth0")
    leave(tmp_path / NAME)

    async def outlive() -> None:
        containers = KernelContainers(tmp_path)
        first = await containers.open(KEY)
        assert first
        await first.block_exits(PLAN)
        first.close()
        before = open_files()
        container = await containers.open(KEY)
        assert container
        assert open_files() > before
        # The last that keeps the namespace but for the container.
        os.close(int((tmp_path / NAME).readlink().name))
        (tmp_path / NAME).unlink()
        others = await container.block_exits(PLAN)
        assert "eth0" in {each.ifname for each in others}
        container.close()
        assert open_files() == before - 1

    asyncio.run(outlive())


@alone
def test_container_is_open_still_while_its_file_stands_for_it(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    leave(tmp_path / "fedcba987654")

    async def compare() -> list[bool]:
        containers = KernelContainers(tmp_path)
        container = await containers.open(KEY)
        assert container
        known = [containers.is_open_still(container)]
        (tmp_path / NAME).unlink()
        known.append(containers.is_open_still(container))
        (tmp_path / "fedcba987654").rename(tmp_path / NAME)
        return [*known, containers.is_open_still(container)]

    assert asyncio.run(compare()) == [True, False, False]


@pytest.mark.parametrize(
    "key", [KEY, f"/run/docker/netns/{NAME}x", "/var/run/docker/netns/../../etc", "/proc/1/ns/net"]
)
@alone
def test_namespace_that_is_not_there_is_gone(tmp_path: Path, key: str) -> None:
    assert asyncio.run(KernelContainers(tmp_path).open(key)) is None


@alone
def test_file_that_is_no_namespace_is_gone(tmp_path: Path) -> None:
    # Docker makes the file before it mounts the namespace there, and deletes it after that.
    (tmp_path / NAME).touch()
    assert asyncio.run(KernelContainers(tmp_path).open(KEY)) is None


@alone
def test_namespace_that_may_not_be_entered_is_told(tmp_path: Path) -> None:
    # The namespace of the parent is another user's.
    (tmp_path / NAME).symlink_to(f"/proc/{os.getppid()}/ns/net")
    with pytest.raises(BackendError, match="can't be entered") as error:
        asyncio.run(KernelContainers(tmp_path).open(KEY))
    assert error.value.code is Code.NOT_ENTERED


@alone
def test_no_more_files_than_may_be_open_is_told_and_none_is_left_open(tmp_path: Path) -> None:
    leave(tmp_path / NAME)

    async def open_with_few_files() -> None:
        containers = KernelContainers(tmp_path)
        before = open_files()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Enough for the namespaces, and for some of the sockets.
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_file() + 4, most))
        with pytest.raises(BackendError, match="too many files are open"):
            await containers.open(KEY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        assert open_files() == before

    asyncio.run(open_with_few_files())


def next_file() -> int:
    file = os.dup(0)
    os.close(file)
    return file


@pytest.mark.parametrize(
    "change",
    [
        "link set lo down",
        "address add 192.0.2.3/24 dev lo",
        "address add 2001:db8::3/64 dev lo nodad",
        "route add 198.51.100.0/24 dev lo",
        "route add 2001:db8:9::/48 dev lo",
        "rule add priority 100 table 100",
        "-6 rule add priority 100 table 100",
    ],
)
@needs_ipv6
@alone
def test_change_in_the_container_is_noticed(tmp_path: Path, change: str) -> None:
    ip("link set lo up")
    leave(tmp_path / NAME)

    async def notice(container: Container) -> None:
        noticed = asyncio.ensure_future(container.changed())
        go_into(tmp_path / NAME)
        subprocess.run(["ip", *change.split()], check=True)
        await asyncio.wait_for(noticed, 10)

    do(tmp_path, notice)


@needs_nftables
@alone
def test_change_of_nftables_in_the_container_is_noticed(tmp_path: Path) -> None:
    leave(tmp_path / NAME)

    async def notice(container: Container) -> None:
        noticed = asyncio.ensure_future(container.changed())
        go_into(tmp_path / NAME)
        NetfilterSocket().install(Table("t", ()))
        await asyncio.wait_for(noticed, 10)
        await container.apply_firewall(PLAN, frozenset())
        await asyncio.wait_for(container.changed(), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(container.changed(), 0.1)

    do(tmp_path, notice)


@alone
def test_own_changes_are_noticed_as_one(tmp_path: Path) -> None:
    leave(tmp_path / NAME)

    async def notice(container: Container) -> None:
        many = tuple(ip_network((10 << 24 | number << 8, 24)) for number in range(5000))
        await container.block_exits(replace(PLAN, routed=many))
        await asyncio.wait_for(container.changed(), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(container.changed(), 0.1)

    do(tmp_path, notice)


@alone
def test_who_waits_for_a_change_is_told_of_the_end(tmp_path: Path) -> None:
    leave(tmp_path / NAME)

    async def wait(container: Container) -> None:
        noticed = asyncio.ensure_future(container.changed())
        await asyncio.sleep(0)
        container.close()
        with pytest.raises(BackendError):
            await noticed

    do(tmp_path, wait)


@needs_mounts
@alone
def test_mount_of_a_namespace_and_its_end_are_noticed(tmp_path: Path) -> None:
    own_mounts()

    async def notice() -> None:
        containers = KernelContainers(tmp_path)
        await containers.changed()
        for change in (mount, unmount):
            changed = asyncio.ensure_future(containers.changed())
            await asyncio.sleep(0)
            assert not changed.done()
            change(tmp_path / NAME)
            await asyncio.wait_for(changed, 10)
        # Nobody waits for this one while it happens.
        mount(tmp_path / NAME)
        await asyncio.wait_for(containers.changed(), 10)
        container = await containers.open(KEY)
        assert container
        assert containers.is_open_still(container)
        unmount(tmp_path / NAME)
        await asyncio.wait_for(containers.changed(), 10)
        assert not containers.is_open_still(container)

    asyncio.run(notice())


@alone
def test_visitor_is_at_home_in_between(tmp_path: Path) -> None:
    add_device("eth0")
    leave(tmp_path / NAME)
    visitor = Visitor()
    with opened(tmp_path / NAME) as namespace:
        assert "eth0" in visitor.submit(lambda: visitor.visit(namespace, links)).result()
    assert "eth0" not in visitor.submit(links).result()


@alone
def test_visitor_that_cannot_return_does_nothing_more(tmp_path: Path) -> None:
    add_device("eth0")
    leave(tmp_path / NAME)
    visitor = Visitor()

    def lose_the_way_back() -> list[str]:
        # This thread alone loses what it takes to enter a namespace.
        privileges.drop(())
        return links()

    with opened(tmp_path / NAME) as namespace:
        for work in (lose_the_way_back, links):
            visit = partial(visitor.visit, namespace, work)
            assert "eth0" in visitor.submit(visit).result()
            assert "eth0" not in visitor.submit(links).result()


def links() -> list[str]:
    return [name for _, name in socket.if_nameindex()]
