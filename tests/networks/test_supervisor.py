"""The live edition's promises to Docker: containers are closed, set up and left by its calls."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.hosts import (
    DEVICE,
    HERE,
    KEY,
    NULL_POOL,
    OF_DOCKER,
    OWNER,
    PUBLIC_KEY,
    LiveHost,
    settle,
)
from tests.memory_containers import NO_DEVICE, Namespace
from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.errors import PluginError, StoreError
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import MAIN_TABLE, DeviceAddress, PolicyRule, Route
from wgplugin.networks.health import Health
from wgplugin.networks.tunnel import Tunnel

pytestmark = pytest.mark.anyio


@pytest.fixture
def host(tmp_path: Path) -> LiveHost:
    host = LiveHost(tmp_path)
    host.edit()
    return host


async def test_container_that_is_there_is_closed_before_its_device_comes(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    assert (await host.enter()).static_routes == ()
    assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}
    assert any(isinstance(item, PolicyRule) for item in host.items)
    await host.leave()


@pytest.mark.parametrize("trouble", ["not there yet", "closing fails"])
async def test_container_that_cannot_be_closed_gets_docker_s_routes(
    host: LiveHost, trouble: str
) -> None:
    if trouble == "closing fails":
        host.containers.namespaces[KEY] = Namespace()
        host.containers.failing.add("block_exits")
    await host.create()
    routes = (await host.enter()).static_routes
    assert [route.destination for route in routes] == ["10.0.0.0/8"]
    await host.leave()


async def test_docker_is_answered_when_the_tunnel_is_set_up(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    asked = asyncio.create_task(host.oper_info())
    await asyncio.sleep(0)
    assert not asked.done()
    host.move()
    await asked
    assert host.routes() == {"10.0.0.0/8"}
    assert host.inside.firewalls


async def test_docker_is_answered_at_once_where_the_container_comes_later(host: LiveHost) -> None:
    await host.create()
    await host.enter()
    await asyncio.wait_for(host.oper_info(), 10)
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    host.inside.routing.add(OF_DOCKER)
    while OF_DOCKER in host.inside.routing:
        await asyncio.sleep(0)
    assert host.routes() == {"10.0.0.0/8"}


async def test_docker_s_routes_are_left_until_all_of_them_are_there(
    host: LiveHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker fails to start a container if it can't set a route by way of another."""

    host.edit("0.0.0.0/0")
    await host.create()
    told = [route.destination for route in (await host.enter()).static_routes]
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    for destination in told:
        for _ in range(20):
            await asyncio.sleep(0)
        assert not host.inside.firewalls
        host.inside.routing.add(Route(ip_network(destination), MAIN_TABLE))
    while not host.inside.firewalls:
        await asyncio.sleep(0)
    tables = {item.table for item in host.items if isinstance(item, Route)}
    assert MAIN_TABLE not in tables


async def test_all_addresses_are_set_and_docker_gets_the_first_of_each_family(
    host: LiveHost,
) -> None:
    host.edit(interface="Address = 10.8.0.3/32, fd08::2/128, fd08::3/128")
    host.containers.namespaces[KEY] = Namespace()
    interface = (await host.create()).interface
    assert (interface.address, interface.address_ipv6) == ("10.8.0.2/32", "fd08::2/128")
    await host.enter()
    host.move()
    await host.oper_info()
    found = {str(item.interface) for item in host.items if isinstance(item, DeviceAddress)}
    assert found == {"10.8.0.2/32", "10.8.0.3/32", "fd08::2/128", "fd08::3/128"}


async def test_addresses_of_assigned_families_are_not_answered(host: LiveHost) -> None:
    host.edit(interface="Address = 10.8.0.3/32")
    await host.create()
    answer = await host.driver.create_endpoint(
        protocol.CreateEndpointRequest(
            network_id="n1",
            endpoint_id="e1",
            interface=protocol.EndpointInterface(address="10.8.0.2/24"),
        )
    )
    assert answer.interface == protocol.EndpointInterface()


async def test_gateway_leaves_routes_and_default_to_docker(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container(default="gateway")
    assert not host.routes()
    assert not host.routes("unreachable")


async def test_dns_of_the_file_is_asked_unless_that_is_off(host: LiveHost) -> None:
    host.edit(interface="DNS = 2001:db8::53, 10.64.0.1, 10.64.0.2")
    await host.start_container()
    assert host.inside.firewalls
    assert host.inside.firewalls[OWNER].dns == ip_address("10.64.0.1")
    (host.folder / "wgplugin.yaml").write_text("defaults: {dns: off}")
    await settle(host.tunnel)
    assert host.inside.firewalls[OWNER].dns is None


async def test_tunnel_is_taken_up_by_a_new_plugin_with_what_was_edited_meanwhile(
    host: LiveHost,
) -> None:
    await host.start_container()
    host.edit("0.0.0.0/0")
    host.start()
    keeping = asyncio.create_task(host.live.run())
    while host.routes() != {"0.0.0.0/0", "::/0"}:
        await asyncio.sleep(0)
    keeping.cancel()


async def test_status_has_health_and_peers_of_the_tunnel(host: LiveHost) -> None:
    tunnel = await host.start_container()
    host.age(1)
    await tunnel.observe()
    status = await host.upkeep.status()
    assert status.edition == "live"
    (told,) = status.tunnels
    assert (told.endpoint, told.network, told.configuration) == ("e1", "n1", "net")
    assert (told.health, told.interface, told.namespace) == (Health.UP, "wg0", KEY)
    assert [peer.public_key for peer in told.peers] == [PUBLIC_KEY]
    assert [peer.endpoint for peer in told.peers] == [HERE]


async def test_endpoint_that_is_dropped_without_a_word_is_forgotten(host: LiveHost) -> None:
    await host.start_container(disconnect="open")
    await host.driver.delete_network(protocol.NetworkRequest(network_id="n1"))
    keeping = asyncio.create_task(host.live.run())
    while host.inside.routing:
        await asyncio.sleep(0)
    keeping.cancel()
    assert not host.live.tunnels


async def test_dns_that_cannot_be_asked_is_refused_where_it_is_required(host: LiveHost) -> None:
    host.edit(interface="DNS = 2001:db8::53")
    with pytest.raises(PluginError, match="--dns 2001:db8::53"):
        await host.create(dns="require")


async def test_dns_is_refused_where_it_is_required_and_the_kernel_cannot(host: LiveHost) -> None:
    host.edit(interface="DNS = 10.64.0.1")
    host.containers.failing.add("apply_firewall")
    with pytest.raises(PluginError, match="apply_firewall fails"):
        await host.create(dns="require")
    await host.create_network("n2", "net")
    await host.create_endpoint("n2", "e2")


async def test_join_succeeds_though_it_cannot_be_remembered(
    host: LiveHost, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(record: object) -> None:
        raise StoreError(Code.STATE_NOT_WRITTEN, "no space is left")

    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    monkeypatch.setattr(host.store.endpoints, "put", refuse)
    assert (await host.enter()).interface_name.src_name == DEVICE
    assert "no space is left" in caplog.text
    await host.leave()


async def test_join_succeeds_though_the_file_is_gone(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    (host.folder / "net.conf").unlink()
    await host.enter()
    host.move()
    await host.oper_info()
    assert host.routes() == {"10.0.0.0/8"}


async def start_second(host: LiveHost, text: str, key: str = KEY, **options: str) -> Tunnel:
    """Start a second tunnel, "other", in the container."""
    (host.folder / "other.conf").write_text(text)
    await host.create_network("n2", "other", NULL_POOL, **options)
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", key)
    host.inside.devices[device_name("e2")] = NO_DEVICE
    second = host.live.tunnels[-1]
    while not host.inside.addresses.get(device_name("e2")):
        await asyncio.sleep(0)
    return second


def metrics(host: LiveHost, destination: str) -> list[int]:
    """Return which of the networks n1 and n2 has each route to a destination, the first first."""
    routes = [
        item
        for item in host.inside.routing
        if isinstance(item, Route)
        and item.kind == "device"
        and str(item.destination) == destination
    ]
    low = [route.metric - 1 & 0xFFFFF for route in sorted(routes, key=lambda each: each.metric)]
    owners = {network_number(f"n{number}") & 0xFFFFF: number for number in (1, 2)}
    return [owners[each] for each in low]


@pytest.mark.parametrize(("priority", "order"), [("0", [1, 2]), ("1", [2, 1]), ("-1", [1, 2])])
async def test_full_tunnel_with_the_higher_priority_or_the_first_name_wins(
    host: LiveHost, priority: str, order: list[int]
) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container()
    await start_second(host, host.text, priority=priority)
    while metrics(host, "0.0.0.0/0") != order:
        await asyncio.sleep(0)
    assert metrics(host, "::/0") == order


async def test_full_tunnel_is_asked_for_names_whichever_comes_first(host: LiveHost) -> None:
    host.edit("10.0.0.0/8", "DNS = 10.0.0.1, corp.example")
    await host.start_container()
    assert host.inside.firewalls[OWNER].all_names
    full = host.text.replace("10.0.0.0/8", "0.0.0.0/0")
    await start_second(host, full)
    while host.inside.firewalls[OWNER].all_names:
        await asyncio.sleep(0)
    assert host.inside.firewalls[network_number("n2")].all_names
    await host.driver.leave(protocol.EndpointRequest(network_id="n2", endpoint_id="e2"))
    assert host.inside.firewalls[OWNER].all_names
    await host.leave()


async def test_order_of_a_container_s_tunnels_outlives_the_plugin(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container()
    await start_second(host, host.text, priority="1")
    while metrics(host, "0.0.0.0/0") != [2, 1]:
        await asyncio.sleep(0)
    before = set(host.inside.routing)
    host.start()
    keeping = asyncio.create_task(host.live.run())
    while not all(tunnel.configured for tunnel in host.live.tunnels) or not host.live.tunnels:
        await asyncio.sleep(0)
    keeping.cancel()
    assert host.inside.routing == before


async def test_second_tunnel_leaves_out_routes_that_docker_has_set_for_the_first(
    host: LiveHost,
) -> None:
    host.edit("0.0.0.0/0")
    await host.create()
    first = await host.enter()
    (host.folder / "other.conf").write_text(host.text)
    await host.create_network("n2", "other")
    await host.create_endpoint("n2", "e2")
    second = await host.join("n2", "e2", KEY)
    assert first.static_routes
    assert not second.static_routes
    await host.leave()


async def test_tunnel_that_leaves_lets_the_other_one_of_the_container_go_on(
    host: LiveHost,
) -> None:
    await host.start_container(disconnect="open")
    second = await start_second(host, host.text.replace("10.", "172."))
    await host.leave()
    assert host.live.tunnels == (second,)
    assert host.routes() == set()
    left = host.inside.found(network_number("n2"), device_name("e2")).items
    assert {str(item) for item in left if not isinstance(item, PolicyRule)} == {
        "address 172.8.0.2/32",
        "route 172.0.0.0/8",
        "unreachable route 172.0.0.0/8",
    }
    assert any(isinstance(item, PolicyRule) for item in left)
