"""A container's namespace is open once, as long as it is needed, and no longer."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

from tests.hosts import KEY, TIMINGS
from tests.memory_containers import MemoryContainer, MemoryContainers, Namespace
from wgplugin.model.namespace import Plan
from wgplugin.networks.sandbox import Sandbox

pytestmark = pytest.mark.anyio


class Wakes:
    """A tunnel in a sandbox, which counts how often it is woken."""

    def __init__(self, sandbox: Sandbox, device: str = "device") -> None:
        self.count = 0
        sandbox.enter(device, self.wake, is_coming=False)

    def wake(self) -> None:
        self.count += 1


@pytest.fixture
def containers() -> MemoryContainers:
    containers = MemoryContainers()
    containers.namespaces[KEY] = Namespace()
    return containers


@pytest.fixture
def inside(containers: MemoryContainers) -> Namespace:
    return containers.namespaces[KEY]


@pytest.fixture
def sandbox(containers: MemoryContainers) -> Sandbox:
    return Sandbox(KEY, containers, TIMINGS)


async def test_namespace_is_opened_once_though_two_ask_at_a_time(
    sandbox: Sandbox, inside: Namespace
) -> None:
    one, other = await asyncio.gather(sandbox.open(), sandbox.open())
    assert one is other
    assert len(inside.open) == 1
    sandbox.close()
    assert not inside.open


async def test_closed_sandbox_is_not_opened_again(sandbox: Sandbox, inside: Namespace) -> None:
    await sandbox.open()
    sandbox.close()
    assert await sandbox.open() is None
    assert not inside.open


async def test_sandbox_that_is_closed_while_it_is_opened_leaves_nothing_open(
    sandbox: Sandbox, inside: Namespace
) -> None:
    opening = asyncio.create_task(sandbox.open())
    await asyncio.sleep(0)
    sandbox.close()
    assert await opening is None
    assert not inside.open


async def test_namespace_is_gone_until_a_new_one_is_opened(
    sandbox: Sandbox, containers: MemoryContainers, inside: Namespace
) -> None:
    await sandbox.open()
    del containers.namespaces[KEY]
    sandbox.check()
    assert sandbox.is_gone
    assert not inside.open
    containers.namespaces[KEY] = Namespace()
    await sandbox.open()
    assert not sandbox.is_gone


async def test_tunnels_are_woken_when_their_namespace_may_have_come_and_not_once_it_is_open(
    sandbox: Sandbox,
) -> None:
    tunnel = Wakes(sandbox)
    sandbox.check()
    assert tunnel.count == 1
    await sandbox.open()
    sandbox.check()
    assert tunnel.count == 1


async def test_first_notice_wakes_at_once_and_many_seldom(
    sandbox: Sandbox, inside: Namespace
) -> None:
    tunnel = Wakes(sandbox)
    await sandbox.open()
    await asyncio.sleep(60.0)
    inside.give_notice()
    await asyncio.sleep(TIMINGS.notice_pause / 2)
    assert tunnel.count == 1
    for _ in range(3000):
        inside.give_notice()
        await asyncio.sleep(0.01)
    assert 30 <= tunnel.count <= 40


async def test_notice_after_a_quiet_time_is_followed_by_a_short_pause(
    sandbox: Sandbox, inside: Namespace
) -> None:
    tunnel = Wakes(sandbox)
    await sandbox.open()
    for _ in range(3000):
        inside.give_notice()
        await asyncio.sleep(0.01)
    await asyncio.sleep(60.0)
    before = tunnel.count
    for _ in range(2):
        inside.give_notice()
        await asyncio.sleep(2 * TIMINGS.notice_pause)
    assert tunnel.count == before + 2


async def test_namespace_without_notices_is_opened_anew_now_and_then(
    sandbox: Sandbox, containers: MemoryContainers, inside: Namespace
) -> None:
    tunnel = Wakes(sandbox)
    first = await sandbox.open()
    containers.failing.add("changed")
    inside.give_notice()
    await asyncio.sleep(TIMINGS.observe + 1)
    assert tunnel.count == 1
    assert not inside.open
    second = await sandbox.open()
    assert second is not first
    await asyncio.sleep(TIMINGS.observe - 1)
    assert inside.open == [second]
    assert tunnel.count == 1
    await asyncio.sleep(2)
    assert tunnel.count == 2
    assert not inside.open


async def test_notices_of_a_namespace_that_is_gone_wake_nobody(
    sandbox: Sandbox, containers: MemoryContainers
) -> None:
    tunnel = Wakes(sandbox)
    container = await sandbox.open()
    assert isinstance(container, MemoryContainer)
    del containers.namespaces[KEY]
    sandbox.check()
    before = tunnel.count
    container.notice.set()
    await asyncio.sleep(1.0)
    assert tunnel.count == before


def plan(device: str, *nets: str) -> Plan:
    return Plan(device, 1, (), tuple(map(ip_network, nets)), configuration=device)


async def test_tunnel_is_woken_when_its_place_changes(sandbox: Sandbox) -> None:
    tunnel = Wakes(sandbox, "b")
    sandbox.put(plan("b", "10.0.0.0/8"))
    before = tunnel.count
    sandbox.enter("a", lambda: None, is_coming=False)
    sandbox.put(plan("a", "10.0.0.0/8"))
    assert tunnel.count == before + 1
    sandbox.leave("a")
    assert tunnel.count == before + 2


async def test_tunnel_is_not_woken_while_its_place_stays(sandbox: Sandbox) -> None:
    tunnel = Wakes(sandbox, "b")
    sandbox.put(plan("b", "10.0.0.0/8"))
    before = tunnel.count
    sandbox.enter("c", lambda: None, is_coming=False)
    sandbox.put(plan("c", "10.0.0.0/8"))
    sandbox.leave("c")
    assert tunnel.count == before
