"""The live edition's promises to Docker: containers are closed, set up and left by its calls."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from tests.hosts import (
    DEVICE,
    HERE,
    KEY,
    OF_DOCKER,
    OWNER,
    PUBLIC_KEY,
    TIMINGS,
    LiveHost,
    soon,
)
from tests.memory_containers import NO_DEVICE, Namespace
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.namespace import MAIN_TABLE, DeviceAddress, PolicyRule, Route
from wgplugin.networks.health import Health

pytestmark = pytest.mark.anyio


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
    assert ("not closed yet" in host.tunnel.error) == (trouble == "closing fails")
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


async def test_tunnel_is_set_up_when_docker_asks_though_many_notices_came_before(
    host: LiveHost,
) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    for _ in range(300):
        host.inside.give_notice()
        await asyncio.sleep(TIMINGS.notice_pause)
    host.inside.devices[DEVICE] = NO_DEVICE
    await asyncio.wait_for(host.oper_info(), TIMINGS.notice_pause)
    assert host.routes() == {"10.0.0.0/8"}


async def test_docker_is_answered_at_once_where_the_container_comes_later(host: LiveHost) -> None:
    await host.create()
    await host.enter()
    await asyncio.wait_for(host.oper_info(), 0.1)
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    host.give_docker_s_routes()
    await soon()
    assert OF_DOCKER not in host.inside.routing
    assert host.routes() == {"10.0.0.0/8"}


async def test_docker_s_routes_are_left_until_all_of_them_are_there(host: LiveHost) -> None:
    """Docker fails to start a container if it can't set a route by way of another."""
    host.edit("0.0.0.0/0")
    await host.create()
    told = [route.destination for route in (await host.enter()).static_routes]
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    for destination in told:
        await soon()
        assert not host.inside.firewalls
        host.inside.routing.add(Route(ip_network(destination), MAIN_TABLE))
        host.inside.give_notice()
    await soon()
    assert host.inside.firewalls
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
    host.containers.namespaces[KEY] = Namespace()
    await host.create(default="gateway")
    assert (await host.enter()).static_routes
    host.move()
    await host.oper_info()
    assert not host.routes()
    assert not host.routes("unreachable")


async def test_dns_of_the_file_is_asked_unless_that_is_off(host: LiveHost) -> None:
    host.edit(interface="DNS = 2001:db8::53, 10.64.0.1, 10.64.0.2")
    await host.start_container()
    assert host.inside.firewalls
    assert host.inside.firewalls[OWNER].dns == ip_address("10.64.0.1")
    host.put("defaults: {dns: off}", "wgplugin.yaml")
    await soon()
    assert host.inside.firewalls[OWNER].dns is None


async def test_status_has_health_and_peers_of_the_tunnel(host: LiveHost) -> None:
    await host.start_container()
    host.age(1)
    status = await host.upkeep.status()
    assert status.edition == "live"
    (told,) = status.tunnels
    assert (told.endpoint, told.network, told.configuration) == ("e1", "n1", "net")
    assert (told.health, told.interface, told.namespace) == (Health.UP, "wg0", KEY)
    assert [peer.public_key for peer in told.peers] == [PUBLIC_KEY]
    assert [peer.endpoint for peer in told.peers] == [HERE]


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


async def test_edit_before_the_join_is_in_force_soon_after(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    host.edit("10.1.0.0/16")
    await soon()
    await host.enter()
    host.move()
    await host.oper_info()
    assert host.routes() == {"10.0.0.0/8"}
    await soon()
    assert host.routes() == {"10.1.0.0/16"}


async def test_file_that_is_being_written_at_the_join_is_not_read_half_done(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    text = host.text.replace("10.0.0.0/8", "10.1.0.0/16")
    host.put("[Interface")
    await host.enter()
    host.move()
    for part in ("[Interface]\nAddress", text):
        await asyncio.sleep(0.7 * TIMINGS.still)
        host.put(part)
    await soon()
    assert host.routes() == {"10.1.0.0/16"}
    assert "refused" not in caplog.text


async def test_join_that_is_broken_off_leaves_nothing_in_a_running_container(
    host: LiveHost,
) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    host.containers.hanging.add("apply_firewall")
    joining = asyncio.create_task(host.enter())
    await soon()
    assert host.routes("unreachable")
    host.containers.hanging.clear()
    joining.cancel()
    await soon()
    assert not host.inside.routing
    assert not host.inside.open
    assert not host.live.tunnels


async def test_container_that_docker_takes_away_is_let_go_of_without_a_word(
    host: LiveHost,
) -> None:
    tunnel = await host.start_container()
    inside = host.inside
    assert inside.open
    del host.containers.namespaces[KEY]
    await soon()
    assert not inside.open
    await asyncio.sleep(60.0)
    assert tunnel.error == "its container is gone [WG411]"
    await host.leave()
    assert not host.live.tunnels


async def test_new_namespace_of_an_old_key_is_entered(host: LiveHost) -> None:
    """Docker makes it when its daemon comes back without the one before."""
    await host.start_container()
    await asyncio.sleep(2 * TIMINGS.young)
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    await asyncio.sleep(0.1)
    assert host.routes() == {"10.0.0.0/8"}
    assert OWNER in host.inside.firewalls


async def test_early_start_of_a_container_is_reported_until_its_tunnel_is_set_up(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    await host.oper_info()
    assert "the container starts without it after 15 s" in host.tunnel.error
    host.move()
    await soon()
    assert not host.tunnel.error
    assert "over: not set up yet" in caplog.text
