"""Work is done in the container's namespace, by a file as Docker has one, and nowhere else."""

import asyncio
import os
import socket
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest

from tests.kernel.namespaces import DEVICE, OWNER, add_tunnel, alone, leave, needs_namespaces
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel.containers import KernelContainers
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.setns import enter
from wgplugin.model.namespace import Item, Plan, blocked_exits

pytestmark = needs_namespaces

NAME = "0123456789ab"
KEY = f"/var/run/docker/netns/{NAME}"
PLAN = Plan(DEVICE, OWNER, (ip_interface("10.8.0.2/32"),), (ip_network("0.0.0.0/0"),))


def found() -> set[Item]:
    with Links() as links:
        return set(links.found(OWNER).items)


async def answers(folder: Path, key: str = KEY) -> list[object]:
    """Return what is answered of a tunnel in a namespace, which is all false if that is gone."""
    containers = KernelContainers(folder)
    await containers.apply_firewall(key, PLAN)
    await containers.clear(key, DEVICE, OWNER)
    return [
        await containers.exists(key),
        await containers.block_exits(key, PLAN),
        await containers.is_moved(key, DEVICE, ()),
    ]


@alone
def test_device_is_looked_for_in_the_container(tmp_path: Path) -> None:
    add_tunnel()
    leave(tmp_path / NAME)
    assert "wg0" not in [name for _, name in socket.if_nameindex()]
    assert asyncio.run(KernelContainers(tmp_path).is_moved(KEY, DEVICE, ()))


@alone
def test_device_of_the_host_is_not_one_of_the_container(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    add_tunnel()
    assert not asyncio.run(KernelContainers(tmp_path).is_moved(KEY, DEVICE, ()))


@alone
def test_exits_are_blocked_in_the_container_alone(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    assert asyncio.run(KernelContainers(tmp_path).block_exits(KEY, PLAN))
    assert found() == set()
    enter(tmp_path / NAME)
    assert found() == blocked_exits(PLAN)


@alone
def test_exits_are_opened_in_the_container_alone(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    leave(tmp_path / "fedcba987654")
    host = KEY.replace(NAME, "fedcba987654")
    containers = KernelContainers(tmp_path)
    for key in (KEY, host):
        asyncio.run(containers.block_exits(key, PLAN))
    asyncio.run(containers.clear(KEY, DEVICE, OWNER))
    enter(tmp_path / NAME)
    assert found() == set()
    enter(tmp_path / "fedcba987654")
    assert found() == blocked_exits(PLAN)


@alone
def test_jobs_in_many_containers_at_once_each_get_theirs(tmp_path: Path) -> None:
    names = [f"{number:012x}" for number in range(8)]
    for with_a_device, without in zip(names[::2], names[1::2], strict=True):
        add_tunnel()
        leave(tmp_path / with_a_device)
        leave(tmp_path / without)
    containers = KernelContainers(tmp_path)

    async def ask() -> list[bool]:
        keys = [KEY.replace(NAME, name) for name in names]
        return await asyncio.gather(*(containers.is_moved(key, DEVICE, ()) for key in keys))

    assert asyncio.run(ask()) == [True, False] * 4


@alone
def test_namespace_whose_device_is_not_there_exists_and_can_be_closed(tmp_path: Path) -> None:
    leave(tmp_path / NAME)
    assert asyncio.run(answers(tmp_path)) == [True, True, False]


@pytest.mark.parametrize(
    "key", [KEY, f"/run/docker/netns/{NAME}x", "/var/run/docker/netns/../../etc", "/proc/1/ns/net"]
)
@alone
def test_namespace_that_is_not_there_is_gone(tmp_path: Path, key: str) -> None:
    assert asyncio.run(answers(tmp_path, key)) == [False, False, False]


@alone
def test_file_that_is_no_namespace_is_gone(tmp_path: Path) -> None:
    # Docker makes the file before it mounts the namespace there, and deletes it after that.
    (tmp_path / NAME).touch()
    assert asyncio.run(answers(tmp_path)) == [False, False, False]


@alone
def test_namespace_that_may_not_be_entered_is_told_and_does_not_exist(tmp_path: Path) -> None:
    # The namespace of the parent is another user's.
    (tmp_path / NAME).symlink_to(f"/proc/{os.getppid()}/ns/net")
    containers = KernelContainers(tmp_path)
    with pytest.raises(BackendError, match="can't be entered") as error:
        asyncio.run(containers.block_exits(KEY, PLAN))
    assert error.value.code is Code.NOT_ENTERED
    assert not asyncio.run(containers.exists(KEY))
