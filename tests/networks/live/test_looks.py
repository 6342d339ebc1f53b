"""A tunnel is looked at as often as something may happen, and what is seen is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.hosts import DEVICE, KEY, TIMINGS, LiveHost, logged_once, soon
from tests.memory_containers import Namespace
from wgplugin.model.device import SocketAddress

pytestmark = pytest.mark.anyio


async def looks(host: LiveHost, seconds: float) -> int:
    """Return how many looks there are in this time."""
    host.containers.calls.clear()
    await asyncio.sleep(seconds)
    return host.containers.calls.count("observe")


async def test_tunnel_that_was_just_configured_is_looked_at_often(host: LiveHost) -> None:
    await host.start_container()
    assert await looks(host, 50.0) in (10, 11)
    await asyncio.sleep(600.0)
    host.edit("10.1.0.0/16")
    await asyncio.sleep(TIMINGS.observe)
    assert await looks(host, 30.0) in (6, 7)


async def test_tunnel_whose_peer_is_missing_is_looked_at_often(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    await asyncio.sleep(600.0)
    assert await looks(host, 50.0) in (10, 11)


async def test_looks_at_many_tunnels_are_spread_over_time(host: LiveHost) -> None:
    """They were all begun at the same moment, as at the plugin's start."""
    (host.folder / "other.conf").write_text(host.text.replace("10.", "172."))
    await host.start_container()
    await host.create_network("n2", "other")
    await host.create_endpoint("n2", "e6")
    await host.join("n2", "e6", host.tunnel.endpoint.sandbox)
    async with host.started_anew("10.0.0.0/8"):
        first = []
        for _ in range(100):
            host.containers.calls.clear()
            await asyncio.sleep(TIMINGS.observe_soon / 100)
            first.append(host.containers.calls.count("observe"))
    assert first.count(1) == 2


async def test_configuration_is_as_old_as_it_is(host: LiveHost) -> None:
    tunnel = await host.start_container()
    await asyncio.sleep(600.0)
    host.edit("10.1.0.0/16")
    await soon()
    edited = host.date.wall()
    await asyncio.sleep(60.0)
    host.inside.take_away(*host.items)
    await asyncio.sleep(600.0)
    assert tunnel.status().configured == pytest.approx(edited, abs=2.0)


async def test_what_is_put_right_is_logged_once_and_a_notice_that_changes_nothing_is_not(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    await soon()
    with logged_once(caplog, "put right: "):
        host.inside.take_away(*host.items)
        await soon()
        host.inside.give_notice()
        await soon()


async def test_first_handshake_is_logged_and_its_age(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    with logged_once(caplog, "up: handshake"):
        host.age(1)
        await asyncio.sleep(60.0)
    with logged_once(caplog, "stale: no handshake for 180 s"):
        await asyncio.sleep(600.0)


async def test_device_that_is_to_come_is_not_reported_as_gone(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    await asyncio.sleep(TIMINGS.device_late - 1)
    assert not host.tunnel.error


async def test_device_that_goes_without_notice_is_missed_at_the_next_look(host: LiveHost) -> None:
    tunnel = await host.start_container()
    await asyncio.sleep(TIMINGS.young)
    del host.inside.devices[DEVICE]
    await asyncio.sleep(TIMINGS.observe)
    assert tunnel.error == "its device is gone from the container [WG411]"


async def test_look_that_fails_is_reported_until_one_succeeds(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    host.containers.failing.add("observe")
    with logged_once(caplog, "observe fails"):
        await asyncio.sleep(600.0)
        assert "observe fails" in tunnel.error
    host.containers.failing.clear()
    await asyncio.sleep(TIMINGS.observe)
    assert not tunnel.error


@pytest.mark.parametrize("method", ["apply", "observe", "apply_firewall"])
async def test_tunnel_is_kept_though_something_fails_that_is_not_foreseen(
    host: LiveHost, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    await host.start_container()
    host.containers.broken.add(method)
    host.edit("0.0.0.0/0")
    await asyncio.sleep(60.0)
    assert f"{method} is broken" in caplog.text
    host.containers.broken.clear()
    host.edit("10.1.0.0/16")
    await soon()
    assert host.routes() == {"10.1.0.0/16"}
    host.move(replace(host.peer, allowed_ips=()))
    await asyncio.sleep(2 * TIMINGS.observe)
    assert list(map(str, host.peer.allowed_ips)) == ["10.1.0.0/16"]


async def test_device_that_stays_otherwise_is_set_seldom(host: LiveHost) -> None:
    """The kernel may ignore something, as it does a peer that is the device itself."""
    await host.start_container()
    host.inside.stubborn.add(DEVICE)
    host.move(replace(host.peer, allowed_ips=()))
    await asyncio.sleep(600.0)
    host.containers.calls.clear()
    await asyncio.sleep(600.0)
    assert 8 <= host.containers.calls.count("apply") <= 12


async def test_peer_that_roamed_keeps_its_place_when_the_plugin_starts_anew(
    host: LiveHost,
) -> None:
    await host.start_container()
    roamed = replace(host.peer, endpoint=SocketAddress(ip_address("198.51.100.9"), 1))
    host.move(roamed)
    async with host.started_anew("10.1.0.0/16"):
        await soon()
        assert host.routes() == {"10.1.0.0/16"}
        assert host.peer.endpoint == roamed.endpoint
