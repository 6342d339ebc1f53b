"""The live edition's promises to the user: edits, peers and failures of a running tunnel."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from tests.hosts import (
    DEVICE,
    HERE,
    KEY,
    OTHER_KEY,
    OWNER,
    THERE,
    TIMINGS,
    LiveHost,
    logged_once,
    soon,
)
from tests.memory_containers import NO_DEVICE, Namespace
from wgplugin.model.device import Key, SocketAddress
from wgplugin.model.namespace import DeviceAddress, OtherNetwork
from wgplugin.model.prefixes import blackhole_address
from wgplugin.networks.health import Health

pytestmark = pytest.mark.anyio

BRIDGE = OtherNetwork("eth0", frozenset({ip_network("192.0.2.0/24")}))


async def test_edit_is_in_force_at_once(host: LiveHost, caplog: pytest.LogCaptureFixture) -> None:
    await host.start_container()
    with logged_once(caplog, "reloaded: "):
        host.edit("0.0.0.0/0", "Address = 10.8.0.9/32\nMTU = 1300")
        await asyncio.sleep(1.0)
        await soon()
    assert host.routes() == {"0.0.0.0/0", "::/0"}
    assert DeviceAddress(ip_interface("10.8.0.9/32")) in host.items
    assert DeviceAddress(blackhole_address("e1")) in host.items
    assert host.inside.mtus[DEVICE] == 1300
    assert host.peer.allowed_ips == (ip_network("0.0.0.0/0"),)


async def test_mtu_of_the_network_counts_again_once_the_file_has_none(host: LiveHost) -> None:
    host.edit(interface="MTU = 1350")
    await host.start_container(mtu="1300")
    host.edit()
    await soon()
    assert host.inside.mtus[DEVICE] == 1300


async def test_file_that_keeps_changing_is_not_read_half_done(host: LiveHost) -> None:
    await host.start_container()
    for number in range(5):
        host.edit(f"10.{number}.0.0/16")
        await asyncio.sleep(TIMINGS.still / 2)
        assert host.routes() == {"10.0.0.0/8"}
    await soon()
    assert host.routes() == {"10.4.0.0/16"}


async def test_edit_with_errors_changes_nothing_and_is_reported_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    before, text = host.peer, host.text
    with logged_once(caplog, "refused: net.conf:"):
        host.put(text.replace("AllowedIPs", "AllowedIP"))
        await soon()
        await asyncio.sleep(600.0)
    assert tunnel.error.endswith("did you mean AllowedIPs? [WG211]")
    assert host.peer == before
    host.put(text)
    await soon()
    assert not tunnel.error


@pytest.mark.parametrize("before", ["10.0.0.0/8", "0.0.0.0/0"])
async def test_edit_counts_though_docker_chooses_the_default(host: LiveHost, before: str) -> None:
    host.edit(before)
    tunnel = await host.start_container(default="gateway")
    host.edit("10.0.0.0/8", "MTU = 1300")
    await soon()
    assert not tunnel.error
    assert host.inside.mtus[DEVICE] == 1300


@pytest.mark.parametrize(("before", "after"), [("gateway", "tunnel"), ("tunnel", "gateway")])
async def test_choice_of_the_default_counts_at_the_next_start(
    host: LiveHost, before: str, after: str
) -> None:
    host.edit("0.0.0.0/0")
    host.put(f"defaults: {{default: {before}}}", "wgplugin.yaml")
    tunnel = await host.start_container()
    host.put(f"defaults: {{default: {after}}}", "wgplugin.yaml")
    await soon()
    assert tunnel.error.endswith("at the container's next start [WG114]")


async def test_peers_come_and_go_while_others_keep_their_place(host: LiveHost) -> None:
    await host.start_container()
    roamed = replace(host.peer, endpoint=SocketAddress(ip_address("198.51.100.9"), 1))
    host.move(roamed)
    text = host.text
    host.put(f"{text}[Peer]\nPublicKey = {OTHER_KEY}\nEndpoint = {THERE}\n")
    await soon()
    first, second = host.inside.devices[DEVICE].peers
    assert first == roamed
    assert str(second.endpoint) == THERE
    host.put(text)
    await soon()
    assert host.inside.devices[DEVICE].peers == (roamed,)


async def test_endpoint_that_is_edited_is_moved(host: LiveHost) -> None:
    await host.start_container()
    host.edit(endpoint=THERE)
    await soon()
    assert str(host.peer.endpoint) == THERE


async def test_peer_that_roams_after_an_edit_keeps_its_place(host: LiveHost) -> None:
    await host.start_container()
    host.edit(endpoint=THERE)
    await soon()
    roamed = replace(host.peer, endpoint=SocketAddress(ip_address("198.51.100.9"), 1))
    host.move(roamed)
    host.inside.take_away(*host.items)
    await soon()
    assert host.routes() == {"10.0.0.0/8"}
    assert host.peer == roamed


async def test_endpoint_that_is_edited_is_moved_though_the_kernel_refuses_at_first(
    host: LiveHost,
) -> None:
    await host.start_container()
    host.containers.failing.add("apply")
    host.edit(endpoint=THERE)
    await soon()
    host.edit("10.1.0.0/16", endpoint=THERE)
    await soon()
    host.containers.failing.clear()
    await asyncio.sleep(TIMINGS.retry_longest)
    assert str(host.peer.endpoint) == THERE


async def test_container_starts_without_its_peer_which_comes_later(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    assert host.peer.endpoint is None
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    with logged_once(caplog, f"is found: {HERE}"):
        await asyncio.sleep(15.0)
    assert str(host.peer.endpoint) == HERE


async def test_peer_that_does_not_resolve_is_reported_until_it_does(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    await asyncio.sleep(60.0)
    assert "can't be resolved" in tunnel.error
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    await asyncio.sleep(15.0)
    assert str(host.peer.endpoint) == HERE
    assert not tunnel.error


async def test_edit_that_names_an_unknown_host_is_told_of_at_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    with logged_once(caplog, "vpn.example.test can't be resolved; trying again"):
        host.edit(endpoint="vpn.example.test:51820")
        await asyncio.sleep(1.0)


async def test_names_are_not_asked_for_to_put_something_right(host: LiveHost) -> None:
    host.put("resolve-timeout: 20", "wgplugin.yaml")
    await host.start_container()
    host.edit("10.1.0.0/16")
    await soon()
    host.names.late.clear()
    host.inside.take_away(*host.items)
    await asyncio.sleep(TIMINGS.notice_longest)
    assert host.routes() == {"10.1.0.0/16"}
    assert not host.names.asked


async def test_edit_that_does_not_concern_the_nftables_leaves_them_alone(host: LiveHost) -> None:
    await host.start_container()
    before = len(host.firewalls)
    host.edit(interface="MTU = 1300")
    await soon()
    assert host.inside.mtus[DEVICE] == 1300
    assert len(host.firewalls) == before


async def test_peer_that_was_put_back_has_the_address_where_it_was_found(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    host.put(f"{host.text}[Peer]\nPublicKey = {OTHER_KEY}\nEndpoint = {THERE}\n")
    await host.start_container()
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    await asyncio.sleep(15.0)
    host.names.late.clear()
    host.inside.bring(DEVICE)
    await asyncio.sleep(0.1)
    first, second = host.inside.devices[DEVICE].peers
    assert (str(first.endpoint), str(second.endpoint)) == (HERE, THERE)


async def test_silent_peer_gets_its_time_to_answer_before_it_is_looked_for(host: LiveHost) -> None:
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    host.names.hosts["vpn.example.test"] = "192.0.2.2"
    for _ in range(8):
        host.send()
        await asyncio.sleep(10.0)
    assert str(host.peer.endpoint) == HERE


async def test_search_for_a_peer_ends_when_nobody_answers(host: LiveHost) -> None:
    host.edit(endpoint="vpn.example.test:51820")
    tunnel = await host.start_container()
    host.names.late.clear()
    await asyncio.sleep(15.0)
    assert "no answer within 0.2 s" in tunnel.error


async def test_silent_peer_is_looked_for_and_one_that_answers_is_not(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    host.names.hosts["vpn.example.test"] = "192.0.2.2"
    for _ in range(30):
        host.age(1)
        host.send()
        await asyncio.sleep(10.0)
    assert str(host.peer.endpoint) == HERE
    for _ in range(30):
        host.send()
        await asyncio.sleep(10.0)
    assert str(host.peer.endpoint) == THERE
    assert "is found" not in caplog.text


async def test_peer_that_an_edit_removes_is_not_put_back_by_a_search(
    host: LiveHost,
) -> None:
    host.put("resolve-timeout: 20", "wgplugin.yaml")
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    host.names.late.clear()
    host.names.hosts["vpn.example.test"] = "192.0.2.1"
    await asyncio.sleep(15.0)
    host.put(host.text.partition("[Peer]")[0])
    await soon()
    host.names.late.set()
    await soon()
    assert not host.inside.devices[DEVICE].peers


@pytest.mark.parametrize("age", [0.0, 3600.0])
async def test_network_that_comes_is_known_at_once(host: LiveHost, age: float) -> None:
    tunnel = await host.start_container()
    await asyncio.sleep(age)
    before = len(host.firewalls)
    host.inside.connect(BRIDGE)
    await asyncio.sleep(TIMINGS.notice_longest)
    assert len(host.firewalls) == before + 1
    assert not tunnel.error


async def test_network_that_comes_before_the_device_is_known(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    host.inside.connect(BRIDGE)
    await asyncio.sleep(TIMINGS.notice_longest)
    assert host.inside.known[OWNER] == {BRIDGE}


async def test_device_that_is_gone_is_reported_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    tunnel = await host.start_container()
    host.age(1)
    await host.upkeep.status()
    with logged_once(caplog, "gone from the container [WG411]"):
        del host.inside.devices[DEVICE]
        host.inside.give_notice()
        await asyncio.sleep(60.0)
    assert (tunnel.status().interface, tunnel.status().health) == ("", Health.NEVER)


async def test_device_that_docker_is_late_to_bring_is_reported_and_set_up_when_it_comes(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.create()
    await host.enter()
    with logged_once(caplog, "no device came within 60 s [WG411]"):
        await asyncio.sleep(600.0)
    host.containers.namespaces[KEY] = Namespace()
    await soon()
    host.inside.bring(DEVICE, NO_DEVICE)
    host.give_docker_s_routes()
    await soon()
    assert host.routes() == {"10.0.0.0/8"}
    assert not host.tunnel.error


async def test_peer_of_somebody_else_on_the_device_is_removed(host: LiveHost) -> None:
    await host.start_container()
    known, stranger = host.peer.public_key, replace(host.peer, public_key=Key(b"s" * 32))
    host.move(host.peer, stranger)
    await asyncio.sleep(2 * TIMINGS.observe)
    assert [peer.public_key for peer in host.inside.devices[DEVICE].peers] == [known]
