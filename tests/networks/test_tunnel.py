"""The live edition's promises to the user: edits, peers and failures of a running tunnel."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import (
    DEVICE,
    HERE,
    KEY,
    OTHER_KEY,
    OWNER,
    THERE,
    LiveHost,
    logged_once,
    settle,
)
from tests.memory_containers import NO_DEVICE
from wgplugin.conf.settings import Settings
from wgplugin.model.device import SocketAddress
from wgplugin.model.identity import device_name
from wgplugin.model.namespace import DeviceAddress, OtherNetwork
from wgplugin.model.prefixes import blackhole_address
from wgplugin.networks.health import Health
from wgplugin.networks.tunnel import Tunnel

pytestmark = pytest.mark.anyio

BRIDGE = OtherNetwork("eth0", frozenset({ip_network("192.0.2.0/24")}))


@pytest.fixture
def host(tmp_path: Path) -> LiveHost:
    host = LiveHost(tmp_path)
    host.edit()
    return host


async def test_edit_is_applied_once_it_has_settled(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    host.edit("0.0.0.0/0", "Address = 10.8.0.9/32\nMTU = 1300")
    await tunnel.watch()
    assert host.routes() == {"10.0.0.0/8"}
    with logged_once(caplog, "reloaded: "):
        await settle(tunnel)
        await settle(tunnel)
    assert host.routes() == {"0.0.0.0/0", "::/0"}
    assert DeviceAddress(ip_interface("10.8.0.9/32")) in host.items
    assert DeviceAddress(blackhole_address("e1")) in host.items
    assert host.inside.mtus[DEVICE] == 1300
    assert host.peer.allowed_ips == (ip_network("0.0.0.0/0"),)


async def test_mtu_of_the_network_counts_again_once_the_file_has_none(host: LiveHost) -> None:
    host.edit(interface="MTU = 1350")
    tunnel = await host.start_container(mtu="1300")
    host.edit()
    await settle(tunnel)
    assert host.inside.mtus[DEVICE] == 1300


async def test_file_that_keeps_changing_is_not_read_half_done(host: LiveHost) -> None:
    tunnel = await host.start_container()
    for number in range(5):
        host.edit(f"10.{number}.0.0/16")
        await tunnel.watch()
    assert host.routes() == {"10.0.0.0/8"}
    await tunnel.watch()
    assert host.routes() == {"10.4.0.0/16"}


async def test_edit_with_errors_changes_nothing_and_is_reported_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    before, text = host.peer, host.text
    host.put(text.replace("AllowedIPs", "AllowedIP"))
    with logged_once(caplog, "refused: net.conf:"):
        await settle(tunnel)
        await settle(tunnel)
    assert tunnel.status().error.endswith("did you mean AllowedIPs? [WG211]")
    assert host.peer == before
    host.put(text)
    await settle(tunnel)
    assert not tunnel.status().error


@pytest.mark.parametrize("before", ["10.0.0.0/8", "0.0.0.0/0"])
async def test_edit_counts_though_docker_chooses_the_default(host: LiveHost, before: str) -> None:
    host.edit(before)
    tunnel = await host.start_container(default="gateway")
    host.edit("10.0.0.0/8", "MTU = 1300")
    await settle(tunnel)
    assert not tunnel.status().error
    assert host.inside.mtus[DEVICE] == 1300


@pytest.mark.parametrize(("before", "after"), [("gateway", "tunnel"), ("tunnel", "gateway")])
async def test_choice_of_the_default_counts_at_the_next_start(
    host: LiveHost, before: str, after: str
) -> None:
    host.edit("0.0.0.0/0")
    settings = host.folder / "wgplugin.yaml"
    settings.write_text(f"defaults: {{default: {before}}}")
    tunnel = await host.start_container()
    settings.write_text(f"defaults: {{default: {after}}}")
    await settle(tunnel)
    assert tunnel.status().error.endswith("at the container's next start [WG114]")


async def test_peers_come_and_go_while_others_keep_their_place(host: LiveHost) -> None:
    tunnel = await host.start_container()
    roamed = replace(host.peer, endpoint=SocketAddress(ip_address("198.51.100.9"), 1))
    host.move(roamed)
    text = host.text
    host.put(f"{text}[Peer]\nPublicKey = {OTHER_KEY}\nEndpoint = {THERE}\n")
    await settle(tunnel)
    first, second = host.inside.devices[DEVICE].peers
    assert first == roamed
    assert str(second.endpoint) == THERE
    host.put(text)
    await settle(tunnel)
    assert host.inside.devices[DEVICE].peers == (roamed,)


async def test_endpoint_that_is_edited_is_moved(host: LiveHost) -> None:
    tunnel = await host.start_container()
    host.edit(endpoint=THERE)
    await settle(tunnel)
    assert str(host.peer.endpoint) == THERE


async def test_container_starts_without_its_peer_which_comes_later(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    assert host.peer.endpoint is None
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    await search_until(host, tunnel, HERE)


async def test_peer_that_does_not_resolve_is_reported_until_it_does(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    while "can't be resolved" not in tunnel.status().error:
        host.clock.advance(60.0)
        await tunnel.observe()
        tunnel.search(Settings())
        await asyncio.sleep(0)
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    await search_until(host, tunnel, HERE)
    while tunnel.status().error:
        await asyncio.sleep(0)


async def test_trouble_that_lasts_is_reported_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    host.containers.failing.add("observe")
    with logged_once(caplog, "observe fails"):
        await tunnel.observe()
        await tunnel.observe()
    host.containers.failing.clear()
    await tunnel.observe()
    assert not tunnel.status().error


async def search_until(host: LiveHost, tunnel: Tunnel, endpoint: str) -> None:
    """Look for silent peers until the peer is there, while the time goes by."""
    while str(host.peer.endpoint) != endpoint:
        host.clock.advance(60.0)
        await tunnel.observe()
        tunnel.search(Settings(re_resolve_after=100.0))
        await asyncio.sleep(0)


async def test_silent_peer_is_looked_for_and_one_that_answers_is_not(host: LiveHost) -> None:
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    host.names.hosts["vpn.example.test"] = "192.0.2.2"
    host.age(1)
    await tunnel.observe()
    host.clock.advance(98.0)
    assert not tunnel.silent(100.0)
    host.clock.advance(3.0)
    assert tunnel.silent(100.0)
    await search_until(host, tunnel, THERE)


async def test_peer_that_an_edit_removes_is_not_put_back_by_a_search(
    host: LiveHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    await tunnel.observe()
    begun, going_on, apply = asyncio.Event(), asyncio.Event(), host.containers.apply

    async def slowly(*arguments: Any) -> list[str] | None:
        begun.set()
        await going_on.wait()
        return await apply(*arguments)

    monkeypatch.setattr(host.containers, "apply", slowly)
    host.put(host.text.partition("[Peer]")[0])
    reloading = asyncio.create_task(settle(tunnel))
    await begun.wait()
    host.names.hosts["vpn.example.test"] = "192.0.2.2"
    host.clock.advance(600.0)
    tunnel.search(Settings(re_resolve_after=100.0))
    for _ in range(20):
        await asyncio.sleep(0)
    going_on.set()
    await reloading
    for _ in range(20):
        await asyncio.sleep(0)
    assert not host.inside.devices[DEVICE].peers


async def test_leave_takes_all_out_if_it_shall_and_a_later_edit_puts_nothing_back(
    host: LiveHost,
) -> None:
    tunnel = await host.start_container(disconnect="open")
    host.edit("0.0.0.0/0")
    await asyncio.gather(settle(tunnel), host.leave())
    await settle(tunnel)
    assert not host.inside.routing
    assert not host.inside.firewalls
    assert not host.live.tunnels


async def test_container_that_is_disconnected_stays_closed(host: LiveHost) -> None:
    host.edit("0.0.0.0/0", "DNS = 10.64.0.1")
    await host.start_container()
    await host.leave()
    assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}
    assert host.inside.firewalls[OWNER].closed
    assert not host.live.tunnels


async def test_container_with_another_tunnel_for_the_prefixes_goes_on_with_that(
    host: LiveHost,
) -> None:
    await host.start_container()
    (host.folder / "full.conf").write_text(host.text.replace("10.0.0.0/8", "0.0.0.0/0"))
    await host.create_network("n2", "full")
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", KEY)
    await host.leave()
    assert host.routes("unreachable") == set()
    assert OWNER not in host.inside.firewalls


async def test_container_that_is_connected_again_is_what_its_file_says(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container()
    await host.leave()
    await host.delete_endpoint("e1")
    host.edit("10.0.0.0/8")
    await host.create_endpoint("n1", "e2")
    await host.join("n1", "e2", KEY)
    host.inside.devices[device_name("e2")] = NO_DEVICE
    while host.routes() != {"10.0.0.0/8"}:
        await asyncio.sleep(0)
    assert host.routes("unreachable") == {"10.0.0.0/8"}
    assert not host.inside.firewalls[OWNER].closed


async def test_network_that_comes_while_a_container_starts_is_known_at_once(
    host: LiveHost,
) -> None:
    tunnel = await host.start_container()
    while not host.inside.notices:
        await asyncio.sleep(0)
    before = len(host.firewalls)
    host.inside.connect(BRIDGE)
    while len(host.firewalls) == before:
        await asyncio.sleep(0)
    await host.leave()
    while not host.inside.notices[0].closed:
        await asyncio.sleep(0)
    assert not tunnel.status().error


async def test_network_that_comes_later_is_known_at_the_next_look(host: LiveHost) -> None:
    tunnel = await host.start_container()
    await tunnel.observe()
    before = len(host.firewalls)
    host.inside.others = frozenset({BRIDGE})
    await tunnel.observe()
    await tunnel.observe()
    assert len(host.firewalls) == before + 1


async def test_firewall_that_fails_is_reported_and_the_rest_is_set_up(host: LiveHost) -> None:
    host.containers.failing.add("apply_firewall")
    tunnel = await host.start_container()
    assert "neither DNS, replies" in tunnel.status().error
    assert tunnel.status().error.endswith(" [WG409]")
    assert host.routes() == {"10.0.0.0/8"}
    host.containers.failing.clear()
    host.edit("10.1.0.0/16")
    await settle(tunnel)
    assert not tunnel.status().error


async def test_device_that_is_gone_is_reported_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    await tunnel.observe()
    del host.inside.devices[DEVICE]
    with logged_once(caplog, "gone from the container [WG411]"):
        await tunnel.observe()
        await tunnel.observe()
    assert (tunnel.status().interface, tunnel.status().health) == ("", Health.NEVER)
