"""The live edition's promises: to Docker by its calls, and to the user by the files."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import SetClock
from tests.memory_containers import NO_DEVICE, MemoryContainers, Namespace
from tests.memory_host import MemoryHost
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import Settings
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import Peer, SocketAddress
from wgplugin.model.namespace import MAIN_TABLE, Address, Route, Rule
from wgplugin.model.prefixes import blackhole_address
from wgplugin.networks.health import Health
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.supervisor import Supervisor
from wgplugin.networks.tunnel import SETTLED, Tunnel
from wgplugin.plugin import assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

TIMINGS = Timings(tick=0.0, glance=0.0)
KEY = "/var/run/docker/netns/0123456789ab"
PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PUBLIC_KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
OTHER_KEY = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
OF_DOCKER = Route(ip_network("10.0.0.0/8"), MAIN_TABLE)
HERE, THERE = "192.0.2.1:51820", "192.0.2.2:51820"


class Names(Resolver):
    """A resolver for names that the test gives addresses."""

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        host = self.hosts.get(endpoint.host, endpoint.host)
        try:
            return SocketAddress(ip_address(host), int(endpoint.port))
        except ValueError:
            raise PluginError(Code.NOT_RESOLVED, f"{host} can't be resolved") from None


class Host:
    """A live edition with a folder of configurations, whose containers the test can look at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SetClock()
        self.sandboxes = MemoryContainers()
        self.names = Names()
        self.backend = MemoryHost()
        self.start()

    def start(self) -> None:
        """Start the driver, as anew."""
        store = Store(self.folder / "state")
        folder = ConfigFolder(self.folder, Settings(re_resolve_after=100.0))
        plugin = assemble(
            folder, store, self.backend, self.names, self.sandboxes, self.clock, TIMINGS
        )
        self.driver, self.upkeep = plugin.driver, plugin.upkeep
        assert isinstance(plugin.insides, Supervisor)
        self.live: Supervisor = plugin.insides

    def write(
        self, allowed_ips: str = "10.0.0.0/8", interface: str = "", endpoint: str = HERE
    ) -> None:
        """Write the configuration."""
        self.put(
            f"[Interface]\nPrivateKey = {PRIVATE_KEY}\nAddress = 10.8.0.2/32\n{interface}\n"
            f"[Peer]\nPublicKey = {PUBLIC_KEY}\nEndpoint = {endpoint}\nAllowedIPs = {allowed_ips}\n"
        )

    def put(self, text: str) -> None:
        (self.folder / "net.conf").write_text(text)

    @property
    def text(self) -> str:
        return (self.folder / "net.conf").read_text()

    async def create(self, **options: str) -> protocol.CreateEndpointResponse:
        """Create network and endpoint."""
        network = {f"wireguard-{name}": value for name, value in options.items()}
        generic = {protocol.GENERIC_OPTIONS: {"wireguard-config": "net", **network}}
        await self.driver.create_network(
            protocol.CreateNetworkRequest(network_id="n1", options=generic)
        )
        return await self.driver.create_endpoint(
            protocol.CreateEndpointRequest(network_id="n1", endpoint_id="e1")
        )

    async def join(self) -> protocol.JoinResponse:
        return await self.driver.join(
            protocol.JoinRequest(network_id="n1", endpoint_id="e1", sandbox_key=KEY)
        )

    async def start_container(self, **options: str) -> Tunnel:
        """Start a container as Docker 28 does, and return its tunnel."""
        self.sandboxes.namespaces[KEY] = Namespace()
        await self.create(**options)
        await self.join()
        self.move()
        await self.oper_info()
        return self.tunnel

    def move(self, *peers: Peer) -> None:
        """Put the device into the container, as Docker does, with the peers that it got."""
        configs = [config for _, config in self.backend.devices.values() if config]
        made = tuple(
            Peer(each.public_key, each.preshared_key, each.endpoint, allowed_ips=each.allowed_ips)
            for config in configs
            for each in config.peers
        )
        self.sandboxes.namespaces[KEY].device = replace(NO_DEVICE, peers=peers or made)

    def oper_info(self) -> Coroutine[Any, Any, protocol.EndpointOperInfoResponse]:
        request = protocol.EndpointRequest(network_id="n1", endpoint_id="e1")
        return self.driver.endpoint_oper_info(request)

    async def leave(self) -> None:
        await self.driver.leave(protocol.EndpointRequest(network_id="n1", endpoint_id="e1"))

    @property
    def tunnel(self) -> Tunnel:
        (tunnel,) = self.live.tunnels
        return tunnel

    @property
    def inside(self) -> Namespace:
        return self.sandboxes.namespaces[KEY]

    @property
    def peer(self) -> Peer:
        assert self.inside.device
        return self.inside.device.peers[0]

    def routes(self, kind: str = "device") -> set[str]:
        return {
            str(item.destination)
            for item in self.inside.items
            if isinstance(item, Route) and item.kind == kind
        }

    def age(self, seconds: float) -> None:
        """Let the last handshake of the first peer be so long ago."""
        assert self.inside.device
        old = replace(self.peer, last_handshake=self.clock.wall() - seconds)
        self.inside.device = replace(self.inside.device, peers=(old,))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write()
    return host


@contextmanager
def told(caplog: pytest.LogCaptureFixture, text: str) -> Iterator[None]:
    """See that a text is in exactly one line of what is logged in the block."""
    caplog.clear()
    with caplog.at_level("INFO"):
        yield
    assert [text in line for line in caplog.messages].count(True) == 1, caplog.messages


async def settle(tunnel: Tunnel) -> None:
    for _ in range(SETTLED):
        await tunnel.watch()


def test_container_that_is_there_is_closed_before_its_device_comes(host: Host) -> None:
    async def scenario() -> None:
        host.write("0.0.0.0/0")
        host.sandboxes.namespaces[KEY] = Namespace()
        await host.create()
        assert (await host.join()).static_routes == ()
        assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}
        assert any(isinstance(item, Rule) for item in host.inside.items)
        await host.leave()

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["not there yet", "closing fails"])
def test_docker_is_told_routes_where_the_container_cannot_be_closed(
    host: Host, trouble: str
) -> None:
    async def scenario() -> None:
        if trouble == "closing fails":
            host.sandboxes.namespaces[KEY] = Namespace()
            host.sandboxes.failing.add("block_exits")
        await host.create()
        routes = (await host.join()).static_routes
        assert [route.destination for route in routes] == ["10.0.0.0/8"]
        await host.leave()

    asyncio.run(scenario())


def test_docker_is_answered_when_the_tunnel_is_set_up(host: Host) -> None:
    async def scenario() -> None:
        host.sandboxes.namespaces[KEY] = Namespace()
        await host.create()
        await host.join()
        asked = asyncio.create_task(host.oper_info())
        await asyncio.sleep(0)
        assert not asked.done()
        host.move()
        await asked
        assert host.routes() == {"10.0.0.0/8"}
        assert host.inside.filtered

    asyncio.run(scenario())


def test_docker_is_answered_at_once_where_the_container_comes_later(host: Host) -> None:
    async def scenario() -> None:
        await host.create()
        await host.join()
        await asyncio.wait_for(host.oper_info(), 10)
        host.sandboxes.namespaces[KEY] = Namespace()
        host.move()
        host.inside.items.add(OF_DOCKER)
        while OF_DOCKER in host.inside.items:
            await asyncio.sleep(0)
        assert host.routes() == {"10.0.0.0/8"}

    asyncio.run(scenario())


def test_docker_s_routes_are_left_until_all_of_them_are_there(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker fails to start a container if it can't set a route by way of another."""

    async def scenario() -> None:
        host.write("0.0.0.0/0")
        await host.create()
        told = [route.destination for route in (await host.join()).static_routes]
        host.sandboxes.namespaces[KEY] = Namespace()
        host.move()
        for destination in told:
            for _ in range(20):
                await asyncio.sleep(0)
            assert not host.inside.filtered
            host.inside.items.add(Route(ip_network(destination), MAIN_TABLE))
        while host.inside.filtered is None:
            await asyncio.sleep(0)
        tables = {item.table for item in host.inside.items if isinstance(item, Route)}
        assert MAIN_TABLE not in tables

    asyncio.run(scenario())


def test_all_addresses_are_set_and_docker_gets_the_first_of_each_family(host: Host) -> None:
    async def scenario() -> None:
        host.write(interface="Address = 10.8.0.3/32, fd08::2/128, fd08::3/128")
        host.sandboxes.namespaces[KEY] = Namespace()
        interface = (await host.create()).interface
        assert (interface.address, interface.address_ipv6) == ("10.8.0.2/32", "fd08::2/128")
        await host.join()
        host.move()
        await host.oper_info()
        found = {str(item.interface) for item in host.inside.items if isinstance(item, Address)}
        assert found == {"10.8.0.2/32", "10.8.0.3/32", "fd08::2/128", "fd08::3/128"}

    asyncio.run(scenario())


def test_addresses_of_assigned_families_are_not_told_to_docker(host: Host) -> None:
    async def scenario() -> None:
        host.write(interface="Address = 10.8.0.3/32")
        await host.create()
        answer = await host.driver.create_endpoint(
            protocol.CreateEndpointRequest(
                network_id="n1",
                endpoint_id="e1",
                interface=protocol.EndpointInterface(address="10.8.0.2/24"),
            )
        )
        assert answer.interface == protocol.EndpointInterface()

    asyncio.run(scenario())


def test_gateway_leaves_routes_and_default_to_docker(host: Host) -> None:
    async def scenario() -> None:
        host.write("0.0.0.0/0")
        await host.start_container(default="gateway")
        assert not host.routes()
        assert not host.routes("unreachable")

    asyncio.run(scenario())


def test_dns_of_the_file_is_asked_unless_that_is_off(host: Host) -> None:
    async def scenario() -> None:
        host.write(interface="DNS = 2001:db8::53, 10.64.0.1, 10.64.0.2")
        await host.start_container()
        assert host.inside.filtered
        assert host.inside.filtered.dns == ip_address("10.64.0.1")
        (host.folder / "wgplugin.yaml").write_text("defaults: {dns: off}")
        await settle(host.tunnel)
        assert host.inside.filtered.dns is None

    asyncio.run(scenario())


def test_edit_is_applied_once_it_has_settled(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        host.write("0.0.0.0/0", "Address = 10.8.0.9/32\nMTU = 1300")
        await tunnel.watch()
        assert host.routes() == {"10.0.0.0/8"}
        with told(caplog, "reloaded: "):
            await settle(tunnel)
            await settle(tunnel)
        assert host.routes() == {"0.0.0.0/0", "::/0"}
        assert Address(ip_interface("10.8.0.9/32")) in host.inside.items
        assert Address(blackhole_address("e1")) in host.inside.items
        assert host.inside.mtu == 1300
        assert host.peer.allowed_ips == (ip_network("0.0.0.0/0"),)

    asyncio.run(scenario())


def test_file_that_keeps_changing_is_not_read_half_done(host: Host) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        for number in range(5):
            host.write(f"10.{number}.0.0/16")
            await tunnel.watch()
        assert host.routes() == {"10.0.0.0/8"}
        await tunnel.watch()
        assert host.routes() == {"10.4.0.0/16"}

    asyncio.run(scenario())


def test_edit_with_errors_changes_nothing_and_is_told_once(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        before, text = host.peer, host.text
        host.put(text.replace("AllowedIPs", "AllowedIP"))
        with told(caplog, "refused: net.conf:"):
            await settle(tunnel)
            await settle(tunnel)
        assert tunnel.status().error.endswith("did you mean AllowedIPs? [WG211]")
        assert host.peer == before
        host.put(text)
        await settle(tunnel)
        assert not tunnel.status().error

    asyncio.run(scenario())


def test_peers_come_and_go_while_others_keep_their_place(host: Host) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        roamed = replace(host.peer, endpoint=SocketAddress(ip_address("198.51.100.9"), 1))
        host.move(roamed)
        text = host.text
        host.put(f"{text}[Peer]\nPublicKey = {OTHER_KEY}\nEndpoint = {THERE}\n")
        await settle(tunnel)
        assert host.inside.device
        first, second = host.inside.device.peers
        assert first == roamed
        assert str(second.endpoint) == THERE
        host.put(text)
        await settle(tunnel)
        assert host.inside.device.peers == (roamed,)

    asyncio.run(scenario())


def test_endpoint_that_is_edited_is_moved(host: Host) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        host.write(endpoint=THERE)
        await settle(tunnel)
        assert str(host.peer.endpoint) == THERE

    asyncio.run(scenario())


def test_container_starts_without_its_peer_which_comes_later(host: Host) -> None:
    async def scenario() -> None:
        host.write(endpoint="vpn.example.test:51820")
        tunnel = await host.start_container()
        assert host.peer.endpoint is None
        host.names.hosts["vpn.example.test"] = "192.0.2.1"
        await search_until(host, tunnel, HERE)

    asyncio.run(scenario())


def test_peer_that_does_not_resolve_is_told_until_it_does(host: Host) -> None:
    async def scenario() -> None:
        host.write(endpoint="vpn.example.test:51820")
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

    asyncio.run(scenario())


def test_trouble_that_lasts_is_told_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        host.sandboxes.failing.add("observe")
        with told(caplog, "observe fails"):
            await tunnel.observe()
            await tunnel.observe()
        host.sandboxes.failing.clear()
        await tunnel.observe()
        assert not tunnel.status().error

    asyncio.run(scenario())


async def search_until(host: Host, tunnel: Tunnel, endpoint: str) -> None:
    """Look for silent peers until the peer is there, while the time goes by."""
    while str(host.peer.endpoint) != endpoint:
        host.clock.advance(60.0)
        await tunnel.observe()
        tunnel.search(Settings(re_resolve_after=100.0))
        await asyncio.sleep(0)


def test_silent_peer_is_looked_for_and_one_that_answers_is_not(host: Host) -> None:
    async def scenario() -> None:
        host.names.hosts["vpn.example.test"] = "192.0.2.1"
        host.write(endpoint="vpn.example.test:51820")
        tunnel = await host.start_container()
        host.names.hosts["vpn.example.test"] = "192.0.2.2"
        host.age(1)
        await tunnel.observe()
        host.clock.advance(98.0)
        assert not tunnel.silent(100.0)
        host.clock.advance(3.0)
        assert tunnel.silent(100.0)
        await search_until(host, tunnel, THERE)

    asyncio.run(scenario())


def test_leave_takes_all_out_and_a_later_edit_puts_nothing_back(host: Host) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        host.write("0.0.0.0/0")
        await asyncio.gather(settle(tunnel), host.leave())
        await settle(tunnel)
        assert not host.inside.items
        assert host.inside.filtered is None
        assert not host.live.tunnels

    asyncio.run(scenario())


def test_what_cannot_be_set_up_is_told_and_the_rest_is_there(host: Host) -> None:
    async def scenario() -> None:
        host.sandboxes.failing.add("apply_firewall")
        tunnel = await host.start_container()
        assert "neither DNS nor answers" in tunnel.status().error
        assert tunnel.status().error.endswith(" [WG409]")
        assert host.routes() == {"10.0.0.0/8"}
        host.sandboxes.failing.clear()
        host.write("10.1.0.0/16")
        await settle(tunnel)
        assert not tunnel.status().error

    asyncio.run(scenario())


def test_device_that_is_gone_is_told_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        tunnel = await host.start_container()
        await tunnel.observe()
        host.inside.device = None
        with told(caplog, "gone from the container [WG411]"):
            await tunnel.observe()
            await tunnel.observe()
        assert (tunnel.status().interface, tunnel.status().health) == ("", Health.NEVER)

    asyncio.run(scenario())


def test_tunnel_is_taken_up_by_a_new_plugin_with_what_was_edited_meanwhile(host: Host) -> None:
    async def scenario() -> None:
        await host.start_container()
        host.write("0.0.0.0/0")
        host.start()
        keeping = asyncio.create_task(host.live.run())
        while host.routes() != {"0.0.0.0/0", "::/0"}:
            await asyncio.sleep(0)
        keeping.cancel()

    asyncio.run(scenario())


def test_status_tells_how_the_tunnel_is(host: Host) -> None:
    async def scenario() -> None:
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

    asyncio.run(scenario())


def test_endpoint_that_is_dropped_without_a_word_is_forgotten(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await host.start_container()
        await host.driver.delete_network(protocol.NetworkRequest(network_id="n1"))
        keeping = asyncio.create_task(host.live.run())
        while host.inside.items:
            await asyncio.sleep(0)
        keeping.cancel()
        assert not host.live.tunnels

    asyncio.run(scenario())


def test_dns_that_cannot_be_asked_is_refused_where_it_is_required(host: Host) -> None:
    async def scenario() -> None:
        host.write(interface="DNS = 2001:db8::53")
        with pytest.raises(PluginError, match="--dns 2001:db8::53"):
            await host.create(dns="require")

    asyncio.run(scenario())
