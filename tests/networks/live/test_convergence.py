"""A tunnel becomes what its files say, whatever fails, is changed by others, or is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hosts import DEVICE, KEY, OWNER, TIMINGS, LiveHost, logged_once, soon
from tests.loops import VirtualTimeLoop
from tests.memory_containers import NO_DEVICE, Namespace
from wgplugin.model import namespace
from wgplugin.model.device import Key
from wgplugin.model.namespace import TABLE, TUNNELS, OtherNetwork, PolicyRule, Route
from wgplugin.networks.health import Health

pytestmark = pytest.mark.anyio

METHODS = ("open", "block_exits", "apply", "apply_firewall", "observe", "configure")
HEALED = TIMINGS.observe + 2 * TIMINGS.retry_longest
"""Seconds after which a tunnel is right again, once nothing fails any more."""
DAY = 86_400.0
BRIDGE = OtherNetwork("eth0", frozenset({ip_network("192.0.2.0/24")}))
ALLOWED = ("0.0.0.0/0", "10.0.0.0/8, 172.16.0.0/12", "10.1.0.0/16")


def expect_right(host: LiveHost) -> None:
    """Check that the container has what its file says, and nothing else."""
    plan = host.inside.firewalls[OWNER]
    assert host.items == namespace.items(plan, {4, 6})
    routed = {str(net) for net in plan.routed if net.version == 4}
    assert routed == set(host.text.partition("AllowedIPs = ")[2].strip().split(", "))
    assert {str(net) for net in host.peer.allowed_ips} == routed
    assert len(host.inside.devices[DEVICE].peers) == 1
    assert DEVICE not in host.inside.down
    assert not host.tunnel.error
    assert len(host.inside.open) == 1


def is_closed(host: LiveHost) -> bool:
    """Return whether a packet to an address of every file goes into the tunnel, or nowhere."""
    to = ip_address("10.1.2.3")
    routing = host.inside.routing
    blocked = any(
        isinstance(item, Route) and item.kind == "unreachable" and to in item.destination
        for item in routing
    )
    return blocked and PolicyRule(4, TUNNELS, TABLE) in routing


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seconds", [0.5, 5.0, 300.0])
async def test_refusal_of_the_kernel_at_set_up_heals(
    tmp_path: Path, method: str, seconds: float
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        host.containers.namespaces[KEY] = Namespace()
        await host.create()
        host.containers.failing.add(method)
        response = await host.enter()
        host.move()
        host.inside.routing |= {Route(net, namespace.MAIN_TABLE) for net in host.tunnel.expected}
        host.inside.give_notice()
        assert bool(response.static_routes) == (method in ("open", "block_exits"))
        await asyncio.sleep(seconds)
        host.containers.failing.clear()
        await asyncio.sleep(HEALED)
        expect_right(host)


async def test_container_that_came_late_and_can_t_be_set_up_is_closed(tmp_path: Path) -> None:
    """Before Docker 28, there is no container yet when it asks to join."""
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.create()
        host.containers.failing.add("apply")
        assert (await host.enter()).static_routes
        host.containers.namespaces[KEY] = Namespace()
        host.move()
        host.inside.routing |= {Route(net, namespace.MAIN_TABLE) for net in host.tunnel.expected}
        host.inside.give_notice()
        await asyncio.sleep(HEALED)
        assert is_closed(host)
        assert OWNER in host.inside.firewalls
        host.containers.failing.clear()
        await asyncio.sleep(HEALED)
        expect_right(host)


async def test_container_that_can_t_be_set_up_is_closed_to_networks_that_come_later(
    tmp_path: Path,
) -> None:
    """Docker 28 brings the devices of a container one by one, and renames them."""
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        host.containers.namespaces[KEY] = Namespace()
        await host.create()
        host.containers.failing |= {"apply", "apply_firewall"}
        await host.enter()
        host.move()
        host.inside.connect(BRIDGE)
        host.containers.failing.remove("apply_firewall")
        await asyncio.sleep(HEALED)
        assert host.inside.known[OWNER] == {BRIDGE}
        host.inside.flush_firewall()
        await asyncio.sleep(HEALED)
        assert OWNER in host.inside.firewalls


@pytest.mark.parametrize("method", ["apply", "apply_firewall"])
async def test_failure_and_its_end_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
        host.containers.failing.add(method)
        with logged_once(caplog, f"{method} fails"):
            host.edit(ALLOWED[1])
            await asyncio.sleep(300.0)
            assert f"{method} fails" in host.tunnel.error
        host.containers.failing.clear()
        with logged_once(caplog, f"{method} fails"):
            await asyncio.sleep(HEALED)
        assert any(" over: " in line for line in caplog.messages)
        expect_right(host)


async def test_attempts_become_rare(tmp_path: Path) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
        host.containers.failing.add("apply")
        host.inside.give_notice()
        await asyncio.sleep(600.0)
        host.containers.calls.clear()
        for _ in range(60):
            host.inside.give_notice()
            await asyncio.sleep(10.0)
        assert 8 <= host.containers.calls.count("apply") <= 12


async def test_tunnel_at_rest_is_only_looked_at(tmp_path: Path) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
        await asyncio.sleep(TIMINGS.young + TIMINGS.observe)
        host.containers.calls.clear()
        await asyncio.sleep(10 * TIMINGS.observe)
        assert set(host.containers.calls) == {"observe"}
        assert 9 <= len(host.containers.calls) <= 11


def lose_routes(host: LiveHost) -> None:
    host.inside.take_away(*(each for each in host.items if isinstance(each, Route)))


def lose_rules(host: LiveHost) -> None:
    host.inside.take_away(*(each for each in host.items if isinstance(each, PolicyRule)))


def lose_addresses(host: LiveHost) -> None:
    host.inside.addresses[DEVICE] = set()
    host.inside.give_notice()


def take_down(host: LiveHost) -> None:
    host.inside.take_down(DEVICE, OWNER)


def lose_firewall(host: LiveHost) -> None:
    host.inside.flush_firewall()


def lose_peers(host: LiveHost) -> None:
    host.inside.devices[DEVICE] = NO_DEVICE


def add_stranger(host: LiveHost) -> None:
    device = host.inside.devices[DEVICE]
    peer = replace(device.peers[0], public_key=Key(b"s" * 32), allowed_ips=())
    host.inside.devices[DEVICE] = replace(device, peers=(*device.peers, peer))


DRIFTS: tuple[Callable[[LiveHost], None], ...] = (
    lose_routes,
    lose_rules,
    lose_addresses,
    take_down,
    lose_firewall,
    lose_peers,
    add_stranger,
)


@pytest.mark.parametrize("drift", DRIFTS)
async def test_what_somebody_else_changed_is_put_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, drift: Callable[[LiveHost], None]
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
        await asyncio.sleep(600.0)
        drift(host)
        await asyncio.sleep(2 * TIMINGS.observe)
        expect_right(host)


def step(host: LiveHost, event: Any) -> None:
    """Let one thing happen to a tunnel."""
    match event:
        case ("fails", method):
            host.containers.failing.add(method)
        case "recovers":
            host.containers.failing.clear()
        case ("drifts", drift):
            if DEVICE in host.inside.devices and host.inside.devices[DEVICE].peers:
                drift(host)
        case ("edited", allowed_ips):
            host.edit(allowed_ips)
        case "broken":
            host.put("[Interface\n")
        case ("date", by):
            host.date.set_date(by)


EVENTS = st.one_of(
    st.tuples(st.just("fails"), st.sampled_from(METHODS)),
    st.just("recovers"),
    st.tuples(st.just("drifts"), st.sampled_from(DRIFTS)),
    st.tuples(st.just("edited"), st.sampled_from(ALLOWED)),
    st.just("broken"),
    st.tuples(st.just("date"), st.sampled_from([DAY, -DAY])),
    st.just("anew"),
)


@settings(deadline=None)
@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.01, 0.5, 3.0, 70.0])), max_size=8))
def test_whatever_happens_the_tunnel_ends_up_right_and_nothing_is_open_meanwhile(
    happens: list[tuple[Any, float]],
) -> None:
    async def scenario(folder: Path) -> None:
        host = LiveHost(folder)
        host.edit()
        async with host.kept():
            await host.start_container()
        await go_on(host, list(happens))

    async def go_on(host: LiveHost, left: list[tuple[Any, float]]) -> None:
        host.start()
        async with host.kept():
            while left:
                event, seconds = left.pop(0)
                was_closed = is_closed(host)
                step(host, event)
                opened = was_closed and not is_closed(host)
                await asyncio.sleep(seconds)
                assert opened or not was_closed or is_closed(host)
                if event == "anew":
                    break
            else:
                host.containers.failing.clear()
                host.edit(ALLOWED[2])
                await asyncio.sleep(HEALED)
                expect_right(host)
                await host.leave()
                assert not host.inside.open
                return
        await go_on(host, left)

    with TemporaryDirectory() as folder, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario(Path(folder)))


async def cut(call: Coroutine[Any, Any, object], steps: int) -> bool:
    """Break a call off after so many steps of the event loop; return whether it went on by then."""
    task = asyncio.ensure_future(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    going_on = not task.done()
    task.cancel()
    await asyncio.wait([task])
    return going_on


@pytest.mark.parametrize("steps", range(1, 25))
async def test_join_that_is_broken_off_anywhere_leaves_nothing_and_works_again(
    tmp_path: Path, steps: int
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        host.containers.namespaces[KEY] = Namespace()
        await host.create()
        if await cut(host.enter(), steps):
            await soon()
            assert not host.inside.routing
            assert not host.inside.firewalls
            assert not host.inside.open
            await host.delete_endpoint("e1")
            await host.create_endpoint("n1", "e1")
            await host.enter()
        host.move()
        await host.oper_info()
        expect_right(host)


@pytest.mark.parametrize("steps", range(1, 25))
async def test_calls_that_are_broken_off_anywhere_can_be_made_again(
    tmp_path: Path, steps: int
) -> None:
    host = LiveHost(tmp_path)
    host.edit("0.0.0.0/0", "DNS = 10.64.0.1")
    async with host.kept():
        host.containers.namespaces[KEY] = Namespace()
        await host.create()
        await host.enter()
        host.move()
        await cut(host.oper_info(), steps)
        await host.oper_info()
        expect_right(host)
        await cut(host.leave(), steps)
        await cut(host.leave(), 1)
        await host.leave()
        await host.delete_endpoint("e1")
        assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}
        assert host.inside.firewalls[OWNER].closed
        assert not host.inside.open


@pytest.mark.parametrize("by", [DAY, -DAY])
async def test_health_is_right_though_the_date_is_set(tmp_path: Path, by: float) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
        host.age(1)
        await host.upkeep.status()
        host.date.set_date(by)
        await asyncio.sleep(100.0)
        (told,) = (await host.upkeep.status()).tunnels
        assert told.health == Health.UP
        assert told.peers[0].last_handshake == pytest.approx(host.date.wall() - 101, abs=2)
        await asyncio.sleep(100.0)
        (told,) = (await host.upkeep.status()).tunnels
        assert told.health == Health.STALE
