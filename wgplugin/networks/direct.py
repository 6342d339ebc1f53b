"""The kind of network that gives one container a WireGuard device (``container`` mode)."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.addresses import check_count, check_subnets
from wgplugin.model.attachment import (
    attachment,
    check_tunnel,
    container_addresses,
    device_config,
    mtu_warnings,
    warnings,
)
from wgplugin.model.backends import HostKernel
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import device_name
from wgplugin.model.prefixes import InterfaceAddress, blackhole_address
from wgplugin.model.without_ipv6 import check_endpoints, check_network, left_out, usable
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.common import Common
from wgplugin.networks.insides import Insides
from wgplugin.networks.kinds import Attached, NewEndpoint, NewNetwork
from wgplugin.networks.modes import needs_live, tunnel_settings
from wgplugin.networks.peers import Peers, log_trying_again
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


class Direct(Common):
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
        super().__init__(folder, networks, endpoints, host, insides)
        self._peers = peers

    async def create(self, network: NewNetwork) -> None:
        """Check the network's options and configuration, and remember the network."""
        async with self._networks.lock(network.id):
            name = network.configuration
            file_name = f"{name}.conf"
            files = await self._read(name)
            config = files.config
            record = Network(
                id=network.id, configuration=name, tunnel=dict(network.tunnel), mtu=network.mtu
            )
            tunnel = tunnel_settings(record, files.settings)
            check_tunnel(tunnel)
            families = self._host.families
            check_network(file_name, config, network.subnets, families)
            self._check_count(file_name, config.addresses)
            check_subnets(file_name, config.addresses, network.subnets)
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

    async def attach(self, endpoint: NewEndpoint) -> Attached:
        """Claim the configuration for a container, and make its device.

        All that can refuse a container refuses here, as Docker 29 takes the network off a
        container whose Join fails (moby, daemon/container_operations.go, from 29.0 on).
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
            if network.mode == "shared":
                raise needs_live()
            tunnel = tunnel_settings(network, files.settings, endpoint.tunnel)
            check_tunnel(tunnel)
            families = self._host.families
            check_endpoints(file_name, config, families)
            await self._check_dns(file_name, config, tunnel, endpoint.dns_servers)
            for warning in mtu_warnings(file_name, config, network.mtu):
                log.warning("%s", warning)
            self._check_count(file_name, endpoint.addresses or config.addresses)
            addresses = container_addresses(
                file_name,
                config,
                tunnel,
                blackhole_address(endpoint.id),
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
                interface=tunnel.device_prefix,
            )
            # Docker repeats a call that broke off; the device may be in its container by now.
            if not await self._endpoints.is_in_container(endpoint.id):
                async with AsyncExitStack() as undo:
                    undo.push_async_callback(self._undo, endpoint.id)
                    record = await self._claim(record, endpoint, tunnel)
                    device = await self._make_device(record, files)
                    undo.pop_all()
                self._insides.attached(record, files, device)
        assigned = {address.version for address in endpoint.assigned}
        return Attached(tuple(each for each in addresses if each.version not in assigned))

    async def detach(self, endpoint_id: str) -> None:
        """Delete the endpoint's device, and free its configuration."""
        async with self._endpoints.lock(endpoint_id):
            await self._insides.leave(endpoint_id)
            await self._endpoints.delete(endpoint_id)

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

    def _check_count(self, file_name: str, addresses: tuple[InterfaceAddress, ...]) -> None:
        most = self._insides.limits.addresses_per_family
        check_count(file_name, usable(addresses, self._host.families), most)
