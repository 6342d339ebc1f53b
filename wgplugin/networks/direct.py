"""The kind of network that gives one container a WireGuard device (``container`` mode)."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.addresses import check_count, check_subnets
from wgplugin.model.attachment import (
    attachment,
    check_tunnel,
    container_addresses,
    device_config,
    dns_server,
    mtu_warnings,
    warnings,
)
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import device_name
from wgplugin.model.prefixes import InterfaceAddress
from wgplugin.model.without_ipv6 import check_endpoints, check_network, left_out, usable
from wgplugin.networks import dns
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.insides import Insides
from wgplugin.networks.kinds import Joined, NewEndpoint, NewNetwork
from wgplugin.networks.peers import Peers, log_trying_again
from wgplugin.networks.ports import port_warnings
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


class Direct:
    """Networks with one WireGuard configuration each; see `kinds.Kind`."""

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        endpoints: Endpoints,
        peers: Peers,
        host: HostKernel,
        insides: Insides,
    ) -> None:
        """Serve the configurations of ``folder`` with devices of ``host``."""
        self._folder = folder
        self._networks = networks
        self._endpoints = endpoints
        self._peers = peers
        self._host = host
        self._insides = insides

    async def create(self, network: NewNetwork) -> None:
        """Check the network's options and configuration, and remember the network."""
        async with self._networks.lock(network.id):
            name = network.configuration
            file_name = f"{name}.conf"
            files = await self._read(name)
            config = files.config
            tunnel = override(files.settings.tunnel(name), network.tunnel)
            check_tunnel(tunnel)
            families = self._host.families
            check_network(file_name, config, network.subnets, families)
            self._check_count(file_name, config.addresses)
            check_subnets(file_name, config.addresses, network.subnets)
            record = Network(
                id=network.id, configuration=name, tunnel=dict(network.tunnel), mtu=network.mtu
            )
            await self._networks.put(record)
            for warning in (
                *warnings(file_name, config, network.subnets, families),
                *left_out(file_name, config, tunnel, families),
                *mtu_warnings(file_name, config, network.mtu),
            ):
                log.warning("%s", warning)
        log.info("network %.12s created with configuration %s", network.id, name)

    async def delete(self, network_id: str) -> None:
        """Forget the network, with the endpoints that Docker never deleted."""
        async with self._networks.lock(network_id):
            await self._networks.remove(network_id)
        await self._endpoints.delete_all(network_id)
        log.info("network %.12s deleted", network_id)

    async def attach(self, endpoint: NewEndpoint) -> tuple[InterfaceAddress, ...]:
        """Claim the configuration for a container, and make its device.

        All that can refuse a container refuses here, as Docker 29 takes the network off a
        container whose Join fails (moby, daemon/container_operations.go, from 29.0 on).

        Returns the addresses that Docker must set.
        """
        async with self._endpoints.lock(endpoint.id):
            if endpoint.mac_address:
                message = "a WireGuard device has no MAC address; leave out --mac-address"
                raise PluginError(Code.MAC_ADDRESS, message)
            name = self._network(endpoint.network_id).configuration
            file_name = f"{name}.conf"
            files = await self._read(name)
            config = files.config
            # The network may have been deleted during the read.
            network = self._network(endpoint.network_id)
            tunnel = override(files.settings.tunnel(name), network.tunnel, endpoint.tunnel)
            check_tunnel(tunnel)
            families = self._host.families
            check_endpoints(file_name, config, families)
            await self._check_dns(file_name, config, tunnel, endpoint.dns_servers)
            of_mtu = mtu_warnings(file_name, config, network.mtu)
            for warning in (*of_mtu, *port_warnings(endpoint.published)):
                log.warning("%s", warning)
            self._check_count(file_name, endpoint.addresses or config.addresses)
            addresses = container_addresses(
                file_name,
                config,
                tunnel,
                endpoint.id,
                endpoint.addresses,
                endpoint.assigned,
                families,
            )
            for warning in left_out(file_name, config, tunnel, families, endpoint.addresses):
                log.warning("%s", warning)
            found = attachment(config, addresses, tunnel)
            record = Endpoint(
                id=endpoint.id,
                network_id=network.id,
                configuration=name,
                created=self._endpoints.now(),
                routes=tuple(map(RouteRecord, found.routes)),
                gateways=tuple(map(str, found.gateways)),
                tunnel=dict(endpoint.tunnel),
                addresses=tuple(map(str, endpoint.addresses)),
                assigned=tuple(map(str, endpoint.assigned)),
                interface=tunnel.interface,
            )
            # Docker repeats a call that broke off; the device may be in its container by now.
            if not await self._endpoints.is_in_container(endpoint.id):
                async with AsyncExitStack() as undo:
                    undo.push_async_callback(self._undo, endpoint.id)
                    await self._endpoints.claim(record)
                    device = await self._make_device(record, files)
                    undo.pop_all()
                self._insides.attached(record, files, device)
        assigned = {address.version for address in endpoint.assigned}
        return tuple(address for address in addresses if address.version not in assigned)

    async def join(self, endpoint_id: str, sandbox: str) -> Joined:
        """Hand over the endpoint's device, with the settings for Docker to make."""
        async with self._endpoints.lock(endpoint_id):
            endpoint = self._endpoints.get(endpoint_id)
            if endpoint is None:
                message = "the container's endpoint is unknown; start the container again"
                raise PluginError(Code.UNKNOWN_ENDPOINT, message)
            routes = await self._insides.join(endpoint, sandbox)
        device = device_name(endpoint.id)
        log.info(
            "endpoint %.12s joins with configuration %s: %s",
            endpoint.id,
            endpoint.configuration,
            device,
        )
        return Joined(
            device=device,
            prefix=endpoint.interface,
            routes=routes,
            gateways=endpoint.gateway_values,
        )

    async def settled(self, endpoint_id: str) -> None:
        """Wait until the tunnel is set up in its container, in the live edition."""
        await self._insides.settled(endpoint_id)

    async def leave(self, endpoint_id: str) -> None:
        """Remove the tunnel's rules from its container; Docker moves the device back later."""
        log.info("endpoint %.12s leaves", endpoint_id)
        await self._insides.leave(endpoint_id)

    async def detach(self, endpoint_id: str) -> None:
        """Delete the endpoint's device, and free its configuration."""
        async with self._endpoints.lock(endpoint_id):
            await self._insides.leave(endpoint_id)
            await self._endpoints.delete(endpoint_id)

    def _network(self, network_id: str) -> Network:
        network = self._networks.get(network_id)
        if network is None:
            raise PluginError(
                Code.UNKNOWN_NETWORK,
                "the plugin doesn't know this network, which an earlier installation of it made; "
                "make the network anew: docker network rm NETWORK, then docker network create "
                "--driver PLUGIN --opt wireguard-config=NAME --ipam-driver null NETWORK",
            )
        return network

    async def _make_device(self, endpoint: Endpoint, files: Files) -> DeviceConfig:
        config = files.config
        found = await self._peers.locate(
            endpoint.network_id, config, files.settings.resolve_timeout
        )
        if found.errors and not self._insides.limits.finds_peers_later:
            raise found.errors[0]
        log_trying_again(found.errors)
        try:
            mtu = await self._peers.mtu(endpoint.network_id, config, found.addresses.values())
            wanted = device_config(config, found.addresses)
            await self._host.create(device_name(endpoint.id), mtu, wanted)
        except BackendError as error:
            message = f"{endpoint.configuration}.conf: {error.message}"
            raise BackendError(error.code, message) from None
        return wanted

    async def _undo(self, endpoint_id: str) -> None:
        try:
            await self._endpoints.delete(endpoint_id)
        except PluginError as error:
            log.error("after a refused container: %s", error)

    async def _read(self, name: str) -> Files:
        files = await self._folder.read(name)
        apply_log_level(files.settings)
        return files

    def _check_count(self, file_name: str, addresses: tuple[InterfaceAddress, ...]) -> None:
        most = self._insides.limits.addresses_per_family
        check_count(file_name, usable(addresses, self._host.families), most)

    async def _check_dns(
        self,
        file_name: str,
        config: InterfaceConfig,
        tunnel: TunnelSettings,
        servers: frozenset[str],
    ) -> None:
        if self._insides.limits.redirects_dns and dns_server(config, tunnel):
            if tunnel.dns == "require":
                await self._insides.check()
            return
        advice = dns.advice(file_name, config.dns, servers, self._host.families)
        if advice and tunnel.dns == "require":
            raise PluginError(Code.DNS_NOT_ASKED, advice)
        if advice and tunnel.dns == "warn":
            log.warning("%s [%s]", advice, Code.DNS_NOT_ASKED)


def apply_log_level(settings: Settings) -> None:
    """Apply the plugin's own settings: the log level."""
    # Libraries keep their level: at debug level they would log keys.
    logging.getLogger("wgplugin").setLevel(settings.log_level.upper())
