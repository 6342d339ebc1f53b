"""The kind of network whose containers share one tunnel by a router (``shared`` mode).

Only the live edition has it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial
from weakref import WeakValueDictionary

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.errors import PluginError
from wgplugin.model import shared, shared_checks
from wgplugin.model.addresses import ADDRESS_OPTION
from wgplugin.model.attachment import check_tunnel, device_config, mtu_warnings
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.prefixes import InterfaceAddress, Prefix
from wgplugin.model.router import Forward
from wgplugin.model.without_ipv6 import check_endpoints, check_network
from wgplugin.networks import matching
from wgplugin.networks.choosing import Choosing, Turn
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.common import Common
from wgplugin.networks.insides import Insides
from wgplugin.networks.keys import Keys
from wgplugin.networks.kinds import Attached, NewEndpoint, NewNetwork
from wgplugin.networks.matching import Checked
from wgplugin.networks.modes import tunnel_settings
from wgplugin.networks.patience import Patience
from wgplugin.networks.peers import Peers
from wgplugin.networks.planning import forwards_of
from wgplugin.networks.pools import Pools
from wgplugin.networks.routers import Routers
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import Records

log = logging.getLogger(__name__)

_Attached = tuple[Endpoint, tuple[InterfaceAddress, ...]]


class Shared(Common):
    """Networks with one WireGuard configuration for all of their containers; see `kinds.Kind`."""

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        endpoints: Endpoints,
        routers: Routers,
        host: HostKernel,
        insides: Insides,
        pools: Pools,
        keys: Keys,
        peers: Peers,
    ) -> None:
        """Serve the configurations of ``folder`` with ``routers``."""
        super().__init__(folder, networks, endpoints, host, insides, pools)
        self._routers = routers
        self._keys = keys
        self._peers = peers
        self._choosing = Choosing(endpoints, pools)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, network: NewNetwork) -> None:
        """Check the network's options and configurations, and remember the network."""
        async with self._networks.lock(network.id):
            record = Network(
                id=network.id,
                configuration=network.configuration,
                tunnel=dict(network.tunnel),
                mtu=network.mtu,
                mode="shared",
                gateways=tuple(map(str, network.gateways)),
                internal=network.internal,
            )
            if record.pool.is_choice:
                await self._pool_settings(record)
            check = partial(self._checked, record, network.subnets)
            warnings = await matching.check(record, self._pools, check)
            await self._routers.check()
            await self._networks.put(record)
            for warning in warnings:
                log.warning("%s", warning)
        log.info("network %.12s created, which shares configuration %s", record.id, record.pool)

    async def delete(self, network_id: str) -> None:
        """Delete the network's router, and the endpoints that Docker never deleted."""
        await self._endpoints.delete_all(network_id)
        await self._routers.delete(network_id)
        # Last, as the record says that there may be a router.
        async with self._networks.lock(network_id):
            await self._networks.remove(network_id)
        log.info("network %.12s deleted", network_id)

    async def attach(self, endpoint: NewEndpoint) -> Attached:
        """Claim the configuration for a container's network, and make its veth to the router.

        As in `Direct`, all that can refuse a container refuses here.
        """
        async with self._endpoints.lock(endpoint.id):
            if endpoint.addresses:
                raise PluginError(
                    Code.CONTAINER_ADDRESS,
                    f"{ADDRESS_OPTION} isn't for a shared network, whose addresses are Docker's; "
                    "leave it out, and choose one with --ip or --ip6",
                )
            network = self._network(endpoint.network_id)
            # One container at a time makes the router.
            async with self._locks.setdefault(network.id, asyncio.Lock()):
                record, addresses = await self._attached(network, endpoint)
        versions = {address.version for address in endpoint.assigned}
        return Attached(
            tuple(each for each in addresses if each.version not in versions),
            # Docker takes it for an error to answer the MAC address that the user gave.
            "" if endpoint.mac_address else record.mac_address,
        )

    async def detach(self, endpoint_id: str) -> None:
        """Delete the endpoint's veth, with its ports."""
        async with self._endpoints.lock(endpoint_id):
            await self._insides.leave(endpoint_id)
            await self._endpoints.delete(endpoint_id)

    async def _attached(self, network: Network, endpoint: NewEndpoint) -> _Attached:
        patience = Patience(self._endpoints.now)
        if self._routers.of(network).is_made or not network.pool.is_choice:
            turn = Turn(self._network(network.id).configuration_in_use, is_only=True)
            return await self._attach_by(endpoint, turn, patience)
        tunnel = await self._pool_settings(network, endpoint.tunnel)

        async def attempt(turn: Turn) -> _Attached:
            name = turn.configuration
            key = (await self._read(name)).config.private_key
            async with self._keys.given(network.id, name, key, network.pool):
                await self._pools.choose(network.id, name, self._endpoints.wall(), turn.why)
                attached = await self._attach_by(endpoint, turn, patience)
            await self._pools.note_use(network.id, name)
            log.info("network %.12s gets configuration %s: %s", network.id, name, turn.why)
            return attached

        return await self._choosing.first(network, endpoint.id, tunnel, attempt)

    async def _attach_by(self, endpoint: NewEndpoint, turn: Turn, patience: Patience) -> _Attached:
        """Attach a container to a router with a configuration, which is made unless it is there."""
        name = turn.configuration
        file_name = f"{name}.conf"
        files = await self._read(name)
        # The network may have been deleted during the read.
        network = self._network(endpoint.network_id)
        tunnel = tunnel_settings(network, files.settings, name, endpoint.tunnel)
        check_tunnel(tunnel)
        self._check_files(network, files)
        await self._check_dns(file_name, files.config, tunnel, endpoint.dns_servers)
        for warning in mtu_warnings(file_name, files.config, network.mtu):
            log.warning("%s", warning)
        addresses = shared.member_addresses(
            file_name,
            files.config,
            tunnel,
            endpoint.id,
            network.id,
            endpoint.assigned,
            self._host.families,
        )
        record = self._record(endpoint, network, files, tunnel, addresses)
        await self._check_ports(record, network, files, tunnel)
        # Docker repeats a call that broke off; the veth may be in its container by now.
        if not await self._endpoints.is_in_container(endpoint.id):
            async with AsyncExitStack() as undo:
                undo.push_async_callback(self._undo, record.id)
                record = await self._claim(record, endpoint, tunnel)
                if tunnel.wait and turn.asks and not self._routers.of(network).is_made:
                    await self._expect_answer(record, files, tunnel, turn, patience)
                await self._routers.attach(network, record, files)
                undo.pop_all()
        return record, addresses

    async def _expect_answer(
        self,
        record: Endpoint,
        files: Files,
        tunnel: TunnelSettings,
        turn: Turn,
        patience: Patience,
    ) -> None:
        with patience.finding(files.settings.resolve_timeout, is_last=turn.is_last) as seconds:
            found = await self._peers.locate(record.network_id, files.config, seconds)
        wanted = device_config(files.config, found.addresses)
        await self._ask(record, files.config, tunnel, wanted, turn, patience)

    async def _checked(self, network: Network, subnets: tuple[Prefix, ...], name: str) -> Checked:
        """Check a configuration for a new network."""
        file_name, families = f"{name}.conf", self._host.families
        files = await self._read(name)
        config = files.config
        tunnel = tunnel_settings(network, files.settings, name)
        check_tunnel(tunnel)
        check_network(file_name, config, subnets, families)
        # The file's addresses are the router's, whatever the subnets are.
        check_network(file_name, config, (), families)
        gateways, internal = network.gateway_values, network.internal
        shared_checks.check_network(file_name, config, tunnel, subnets, gateways, internal=internal)
        found = (
            *shared_checks.warnings(file_name, config, tunnel, subnets, families),
            *self._warnings(file_name, config, tunnel, network.mtu),
        )
        return Checked(config.private_key, found)

    def _check_files(self, network: Network, files: Files) -> None:
        """Check that the router can be as files say that were edited since the creation."""
        name, gateways = network.configuration_in_use, network.gateway_values
        file_name = f"{name}.conf"
        check_endpoints(file_name, files.config, self._host.families)
        shared_checks.check_network(
            file_name,
            files.config,
            tunnel_settings(network, files.settings, name),
            [gateway.network for gateway in gateways],
            gateways,
            internal=network.internal,
        )

    def _record(
        self,
        endpoint: NewEndpoint,
        network: Network,
        files: Files,
        tunnel: TunnelSettings,
        addresses: tuple[InterfaceAddress, ...],
    ) -> Endpoint:
        found = shared.member_routes(files.config, addresses, tunnel, network.gateway_values)
        return Endpoint(
            id=endpoint.id,
            network_id=network.id,
            configuration=network.configuration_in_use,
            created=self._endpoints.now(),
            routes=tuple(map(RouteRecord, found.routes)),
            gateways=tuple(map(str, found.gateways)),
            tunnel=dict(endpoint.tunnel),
            assigned=tuple(map(str, endpoint.assigned)),
            interface=tunnel.device_prefix,
            mac_address=endpoint.mac_address or shared.mac_address(endpoint.assigned),
            targets=shared.targets(addresses),
        )

    async def _check_ports(
        self, record: Endpoint, network: Network, files: Files, tunnel: TunnelSettings
    ) -> None:
        """Check that the ports of a container's own option are free."""
        if "forward" not in record.tunnel:
            return
        own = shared_checks.member_forwards(
            tunnel.forward, record.assigned_addresses, internal=network.internal
        )
        of_network = tunnel_settings(network, files.settings, record.configuration).forward
        others: dict[str, tuple[Forward, ...]] = {"the network": of_network}
        for other in self._endpoints:
            of_this = other.network_id == network.id and other.id != record.id
            # One that a crash left behind has its ports no more.
            if of_this and not await self._endpoints.is_stale(other):
                others[f"endpoint {other.id:.12}"] = forwards_of(other)
        shared_checks.check_ports(own, others)

    async def _undo(self, endpoint_id: str) -> None:
        try:
            await self._endpoints.delete(endpoint_id)
        except PluginError as error:
            log.error("after a refused container: %s", error)
