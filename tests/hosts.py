"""Plugins on kernels in memory, as the fixtures of many tests: of the base edition, and live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import LoopClock, SetClock
from tests.memory_containers import NO_DEVICE, MemoryContainers, Namespace
from tests.memory_host import MemoryHost
from tests.memory_notices import MemoryNotices
from tests.memory_publishing import MemoryPublishing, Place
from tests.memory_routers import MemoryRouters
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import Settings
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.attachment import MTU_OPTION
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import Peer, SocketAddress
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import MAIN_TABLE, Item, Plan, Route
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.supervisor import Supervisor
from wgplugin.networks.tunnel import Tunnel
from wgplugin.plugin import LiveKernel, Plugin, assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

BOTH, IPV4 = frozenset({4, 6}), frozenset({4})
"""The address families of a host, and of one without IPv6."""

SETTLING = Timings().settling
BRIEF = Settings(resolve_timeout=0.2)
PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PEER = "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
ADDRESS = "Address = 10.8.0.2/32\n"
NULL_POOL = (protocol.IPAMData(address_space="null", pool="0.0.0.0/0"),)
DOCKER_POOL = (protocol.IPAMData(address_space="LocalDefault", pool="10.9.0.0/24"),)


class Host:
    """A plugin with a folder of configurations, on a kernel and a disk that the test can see."""

    def __init__(
        self,
        folder: Path,
        kernel: HostKernel | None = None,
        clock: SetClock | None = None,
        settings: Settings = BRIEF,
        families: frozenset[int] = BOTH,
    ) -> None:
        self.folder = folder
        self.backend = MemoryHost(families=families)
        self.routers = MemoryRouters(self.backend)
        self.clock = clock or SetClock()
        self._kernel = kernel or self.backend
        self._settings = settings
        self.start()

    def start(self) -> None:
        """Start the plugin, as anew."""
        self.store = Store(self.folder / "state")
        self.plugin = self.assemble(ConfigFolder(self.folder, self._settings, self.clock.wall))
        self.driver, self.upkeep = self.plugin.driver, self.plugin.upkeep

    def assemble(self, folder: ConfigFolder) -> Plugin:
        resolver = Resolver(families=self.backend.families)
        return assemble(folder, self.store, self._kernel, resolver, clock=self.clock)

    def wait(self) -> None:
        """Let the time pass in which Docker puts a device into its container."""
        self.clock.advance(SETTLING)

    def reboot(self) -> None:
        """Lose what only the kernel had, and start the plugin."""
        self.backend.devices.clear()
        self.backend.containers.clear()
        self.clock.reboot()
        self.start()

    def write(
        self, name: str, interface: str = ADDRESS, peers: str = PEER, key: str = PRIVATE_KEY
    ) -> None:
        text = f"[Interface]\nPrivateKey = {key}\n{interface}{peers}"
        (self.folder / f"{name}.conf").write_text(text)

    def create_network(
        self,
        network_id: str,
        name: str,
        pools: tuple[protocol.IPAMData, ...] = NULL_POOL,
        mtu: str = "",
        **tunnel: str,
    ) -> Coroutine[Any, Any, protocol.Empty]:
        own = {f"wireguard-{name.replace('_', '-')}": text for name, text in tunnel.items()}
        own |= {MTU_OPTION: mtu} if mtu else {}
        options = {protocol.GENERIC_OPTIONS: {"wireguard-config": name, **own}}
        return self.driver.create_network(
            protocol.CreateNetworkRequest(network_id=network_id, options=options, ipv4_data=pools)
        )

    def create_endpoint(
        self, network_id: str, endpoint_id: str, **interface: str
    ) -> Coroutine[Any, Any, protocol.CreateEndpointResponse]:
        return self.driver.create_endpoint(
            protocol.CreateEndpointRequest(
                network_id=network_id,
                endpoint_id=endpoint_id,
                interface=protocol.EndpointInterface(**interface),
            )
        )

    def join(
        self, network_id: str, endpoint_id: str, sandbox: str = ""
    ) -> Coroutine[Any, Any, protocol.JoinResponse]:
        return self.driver.join(
            protocol.JoinRequest(
                network_id=network_id, endpoint_id=endpoint_id, sandbox_key=sandbox
            )
        )

    def delete_endpoint(self, endpoint_id: str) -> Coroutine[Any, Any, protocol.Empty]:
        return self.driver.delete_endpoint(
            protocol.EndpointRequest(network_id="n1", endpoint_id=endpoint_id)
        )

    def delete_network(self, network_id: str) -> Coroutine[Any, Any, protocol.Empty]:
        return self.driver.delete_network(protocol.NetworkRequest(network_id=network_id))

    async def attach(self, network_id: str, endpoint_id: str) -> protocol.JoinResponse:
        """Do what Docker asks for when a container starts."""
        await self.create_endpoint(network_id, endpoint_id)
        return await self.join(network_id, endpoint_id)

    def run(self, network_id: str, endpoint_id: str) -> None:
        """Have a container on the network."""
        response = asyncio.run(self.attach(network_id, endpoint_id))
        self.backend.into_container(response.interface_name.src_name)


TIMINGS = Timings()
KEY = "/var/run/docker/netns/0123456789ab"
OTHER_SANDBOX = "/var/run/docker/netns/ba9876543210"
PUBLIC_KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
OTHER_KEY = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
OF_DOCKER = Route(ip_network("10.0.0.0/8"), MAIN_TABLE)
HERE, THERE = "192.0.2.1:51820", "192.0.2.2:51820"
DEVICE, OWNER = device_name("e1"), network_number("n1")


class Names(Resolver):
    """A resolver for names that the test gives addresses; ``late`` is set when it answers.

    ``asked`` is how many questions are open.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}
        self.late = asyncio.Event()
        self.late.set()
        self.asked = 0

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> tuple[SocketAddress, ...]:
        self.asked += 1
        try:
            async with asyncio.timeout(bound):
                await self.late.wait()
        except TimeoutError:
            raise PluginError(Code.NOT_RESOLVED, f"no answer within {bound:g} s") from None
        finally:
            self.asked -= 1
        host = self.hosts.get(endpoint.host, endpoint.host)
        try:
            return (SocketAddress(ip_address(host), int(endpoint.port)),)
        except ValueError:
            raise PluginError(Code.NOT_RESOLVED, f"{host} can't be resolved") from None


class LiveHost(Host):
    """A live edition with one network, "net", whose containers the test can look at.

    Its event loop must be a VirtualTimeLoop. The block of ``kept()`` has the plugin running.
    """

    def __init__(self, folder: Path, families: frozenset[int] = BOTH) -> None:
        self.containers = MemoryContainers(families=families)
        self.publishing = MemoryPublishing(self.places)
        self.containers.linked = self.publishing.give_notice
        self.names = Names()
        self.date = LoopClock()
        own = Settings(resolve_timeout=0.2, re_resolve_after=100.0)
        super().__init__(folder, clock=self.date, settings=own, families=families)
        self.routers.linked = self.publishing.give_notice

    def assemble(self, folder: ConfigFolder) -> Plugin:
        self.notices = MemoryNotices()
        plugin = assemble(
            folder,
            self.store,
            self.backend,
            self.names,
            LiveKernel(self.containers, self.routers, self.publishing, self.notices),
            self.clock,
            TIMINGS,
        )
        assert isinstance(plugin.insides, Supervisor)
        self.live: Supervisor = plugin.insides
        return plugin

    def places(self) -> list[Place]:
        """Return where links may end."""
        return [*self.containers.namespaces.values(), *self.routers.spaces.values()]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[LiveHost]:
        """Run the plugin's work without calls until the end of the block."""
        await self.live.begin()
        self._keeping = keeping = asyncio.create_task(self.live.run())
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    @asynccontextmanager
    async def started_anew(self, allowed_ips: str) -> AsyncIterator[None]:
        """Edit the file while the plugin is away, and run it again until the end of the block."""
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        self.edit(allowed_ips)
        self.start()
        async with self.kept():
            yield

    def edit(
        self, allowed_ips: str = "10.0.0.0/8", interface: str = "", endpoint: str = HERE
    ) -> None:
        """Write the configuration of the network."""
        self.put(
            f"[Interface]\nPrivateKey = {PRIVATE_KEY}\nAddress = 10.8.0.2/32\n{interface}\n"
            f"[Peer]\nPublicKey = {PUBLIC_KEY}\nEndpoint = {endpoint}\nAllowedIPs = {allowed_ips}\n"
        )

    def put(self, text: str, name: str = "net.conf") -> None:
        """Write a file of the folder, which gives notice."""
        (self.folder / name).write_text(text)
        self.notices.tell(name)

    @property
    def text(self) -> str:
        return (self.folder / "net.conf").read_text()

    async def create(self, **options: str) -> protocol.CreateEndpointResponse:
        """Create network and endpoint."""
        await self.create_network("n1", "net", NULL_POOL, **options)
        return await self.create_endpoint("n1", "e1")

    def enter(self) -> Coroutine[Any, Any, protocol.JoinResponse]:
        """Join, as Docker does for the container of KEY."""
        return self.join("n1", "e1", KEY)

    async def start_container(self, **options: str) -> Tunnel:
        """Start a container as Docker 28 does, and return its tunnel."""
        self.containers.namespaces[KEY] = Namespace()
        await self.create(**options)
        await self.enter()
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
        self.inside.bring(DEVICE, replace(NO_DEVICE, peers=peers or made))

    def give_docker_s_routes(self) -> None:
        """Set the routes in the container that Docker was given."""
        self.inside.routing |= {Route(net, MAIN_TABLE) for net in self.tunnel.expected}
        self.inside.give_notice()

    def send(self) -> None:
        """Let the first peer be sent something, which isn't answered."""
        peer = replace(self.peer, sent=self.peer.sent + 148)
        self.inside.devices[DEVICE] = replace(self.inside.devices[DEVICE], peers=(peer,))

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
        return self.containers.namespaces[KEY]

    @property
    def items(self) -> frozenset[Item]:
        """What the tunnel of the endpoint has in its container."""
        return self.inside.found(OWNER, DEVICE).items

    @property
    def firewalls(self) -> list[Plan]:
        """The plans of all nftables that were ever installed, in order."""
        return self.containers.applied

    @property
    def peer(self) -> Peer:
        return self.inside.devices[DEVICE].peers[0]

    def routes(self, kind: str = "device") -> set[str]:
        return {
            str(item.destination)
            for item in self.items
            if isinstance(item, Route) and item.kind == kind
        }

    def age(self, seconds: float) -> None:
        """Let the last handshake of the first peer be so long ago."""
        old = replace(self.peer, last_handshake=self.clock.wall() - seconds)
        self.inside.devices[DEVICE] = replace(self.inside.devices[DEVICE], peers=(old,))


@contextmanager
def logged_once(caplog: pytest.LogCaptureFixture, text: str) -> Iterator[None]:
    """Check that exactly one line that is logged in the block has a text."""
    caplog.clear()
    with caplog.at_level("INFO"):
        yield
    assert [text in line for line in caplog.messages].count(True) == 1, caplog.messages


async def soon() -> None:
    """Let the time pass in which an edit or a notice takes effect."""
    await asyncio.sleep(2.0)
