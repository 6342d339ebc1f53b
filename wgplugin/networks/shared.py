"""The kind of network whose containers share one tunnel by a router (``shared`` mode).

Only the live edition has it.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.errors import PluginError
from wgplugin.model import shared, shared_checks
from wgplugin.model.addresses import ADDRESS_OPTION
from wgplugin.model.attachment import check_tunnel, mtu_warnings
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.prefixes import InterfaceAddress
from wgplugin.model.router import Forward
from wgplugin.model.without_ipv6 import check_endpoints, check_network, left_out
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.common import Common
from wgplugin.networks.insides import Insides
from wgplugin.networks.kinds import Attached, NewEndpoint, NewNetwork
from wgplugin.networks.modes import tunnel_settings
from wgplugin.networks.planning import forwards_of
from wgplugin.networks.routers import Routers
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


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
    ) -> None:
        """Serve the configurations of ``folder`` with ``routers``."""
        super().__init__(folder, networks, endpoints, host, insides)
        self._routers = routers

    async def create(self, network: NewNetwork) -> None:
        """Check the network's options and configuration, and remember the network."""
        async with self._networks.lock(network.id):
            name, subnets = network.configuration, network.subnets
            file_name = f"{name}.conf"
            files = await self._read(name)
            config, families = files.config, self._host.families
            record = Network(
                id=network.id,
                configuration=name,
                tunnel=dict(network.tunnel),
                mtu=network.mtu,
                mode="shared",
                gateways=tuple(map(str, network.gateways)),
                internal=network.internal,
            )
            tunnel = tunnel_settings(record, files.settings)
            check_tunnel(tunnel)
            check_network(file_name, config, subnets, families)
            # The file's addresses are the router's, whatever the subnets are.
            check_network(file_name, config, (), families)
            shared_checks.check_network(
                file_name, config, tunnel, subnets, network.gateways, internal=network.internal
            )
            await self._routers.check()
            await self._networks.put(record)
            for warning in (
                *shared_checks.warnings(file_name, config, tunnel, subnets, families),
                *left_out(file_name, config, tunnel, families),
                *mtu_warnings(file_name, config, network.mtu),
            ):
                log.warning("%s", warning)
        log.info("network %.12s created, which shares configuration %s", network.id, name)

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
            name = self._network(endpoint.network_id).configuration
            file_name = f"{name}.conf"
            files = await self._read(name)
            # The network may have been deleted during the read.
            network = self._network(endpoint.network_id)
            tunnel = tunnel_settings(network, files.settings, endpoint.tunnel)
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
                    await self._routers.attach(network, record, files)
                    undo.pop_all()
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

    def _check_files(self, network: Network, files: Files) -> None:
        """Check that the router can be as files say that were edited since the creation."""
        file_name, gateways = f"{network.configuration}.conf", network.gateway_values
        check_endpoints(file_name, files.config, self._host.families)
        shared_checks.check_network(
            file_name,
            files.config,
            tunnel_settings(network, files.settings),
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
            configuration=network.configuration,
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
        of_network = tunnel_settings(network, files.settings).forward
        others: dict[str, tuple[Forward, ...]] = {"the network": of_network}
        for other in self._endpoints:
            of_this = other.network_id == network.id and other.id != record.id
            # One that a crash left behind has its ports no more.
            if of_this and await self._endpoints.is_in_container(other.id):
                others[f"endpoint {other.id:.12}"] = forwards_of(other)
        shared_checks.check_ports(own, others)

    async def _undo(self, endpoint_id: str) -> None:
        try:
            await self._endpoints.delete(endpoint_id)
        except PluginError as error:
            log.error("after a refused container: %s", error)
