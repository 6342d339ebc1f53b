"""The kind of network that gives one container a WireGuard device (``container`` mode)."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.conf.settings import override
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
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.device import DeviceConfig
from wgplugin.model.hub import check_alone
from wgplugin.model.identity import device_name
from wgplugin.model.prefixes import InterfaceAddress, Prefix, blackhole_address
from wgplugin.model.without_ipv6 import check_endpoints, check_network, left_out, usable
from wgplugin.networks import matching
from wgplugin.networks.choosing import Choosing, Turn
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.common import Common
from wgplugin.networks.insides import Insides
from wgplugin.networks.keys import Keys
from wgplugin.networks.kinds import Attached, NewEndpoint, NewNetwork
from wgplugin.networks.matching import Checked
from wgplugin.networks.modes import needs_live, tunnel_settings
from wgplugin.networks.patience import Patience
from wgplugin.networks.peers import Peers, log_trying_again
from wgplugin.networks.pools import Pools
from wgplugin.state.records import Endpoint, Network, RouteRecord
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a container gets by a configuration."""

    record: Endpoint
    files: Files
    tunnel: TunnelSettings
    addresses: tuple[InterfaceAddress, ...]


class Direct(Common):
    """Networks with one WireGuard configuration for each container; see `kinds.Kind`."""

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        endpoints: Endpoints,
        peers: Peers,
        host: HostKernel,
        insides: Insides,
        pools: Pools,
        keys: Keys,
    ) -> None:
        """Serve the configurations of ``folder`` with devices of ``host``."""
        super().__init__(folder, networks, endpoints, host, insides, pools)
        self._peers = peers
        self._keys = keys
        self._choosing = Choosing(endpoints, pools)

    async def create(self, network: NewNetwork) -> None:
        """Check the network's options and configurations, and remember the network."""
        async with self._networks.lock(network.id):
            record = Network(
                id=network.id,
                configuration=network.configuration,
                tunnel=dict(network.tunnel),
                mtu=network.mtu,
            )
            if record.pool.is_choice:
                await self._pool_settings(record)
            check = partial(self._checked, record, network.subnets)
            warnings = await matching.check(record, self._pools, check)
            await self._networks.put(record)
            for warning in warnings:
                log.warning("%s", warning)
        log.info("network %.12s created with configuration %s", network.id, record.configuration)

    async def delete(self, network_id: str) -> None:
        """Forget the network, with the endpoints that Docker never deleted."""
        async with self._networks.lock(network_id):
            await self._networks.remove(network_id)
        await self._endpoints.delete_all(network_id)
        log.info("network %.12s deleted", network_id)

    async def attach(self, endpoint: NewEndpoint) -> Attached:
        """Claim a configuration for a container, and make its device.

        All that can refuse a container refuses here, as Docker 29 takes the network off a
        container whose Join fails (moby, daemon/container_operations.go, from 29.0 on).
        """
        async with self._endpoints.lock(endpoint.id):
            if endpoint.mac_address:
                message = "a WireGuard device has no MAC address; leave out --mac-address"
                raise PluginError(Code.MAC_ADDRESS, message)
            network = self._network(endpoint.network_id)
            if network.pool.is_choice:
                addresses = await self._attach_one_of(network, endpoint)
            else:
                prepared = await self._prepare(endpoint, network.configuration)
                # Docker repeats a call that broke off; the device may be in its container by now.
                if not await self._endpoints.is_in_container(endpoint.id):
                    turn = Turn(network.configuration, is_only=True)
                    await self._make(prepared, endpoint, turn, Patience(self._endpoints.now))
                addresses = prepared.addresses
        assigned = {address.version for address in endpoint.assigned}
        return Attached(tuple(each for each in addresses if each.version not in assigned))

    async def detach(self, endpoint_id: str) -> None:
        """Delete the endpoint's device, and free its configuration."""
        async with self._endpoints.lock(endpoint_id):
            await self._insides.leave(endpoint_id)
            await self._note_outcome(endpoint_id)
            await self._endpoints.delete(endpoint_id)

    async def _attach_one_of(
        self, network: Network, endpoint: NewEndpoint
    ) -> tuple[InterfaceAddress, ...]:
        """Attach a container by one of a pool's configurations, and return its addresses."""
        if network.mode == "shared":
            raise needs_live()
        before = self._endpoints.get(endpoint.id)
        if before and await self._endpoints.is_in_container(endpoint.id):
            return (await self._prepare(endpoint, before.configuration)).addresses
        tunnel = await self._pool_settings(network, endpoint.tunnel)
        patience = Patience(self._endpoints.now)

        async def attempt(turn: Turn) -> tuple[InterfaceAddress, ...]:
            name = turn.configuration
            prepared = await self._prepare(endpoint, name, turn.why)
            key = prepared.files.config.private_key
            async with self._keys.given(endpoint.id, name, key, network.pool):
                await self._make(prepared, endpoint, turn, patience)
            log.info("endpoint %.12s gets configuration %s: %s", endpoint.id, name, turn.why)
            return prepared.addresses

        return await self._choosing.first(network, endpoint.id, tunnel, attempt)

    async def _prepare(self, endpoint: NewEndpoint, name: str, why: str = "") -> _Prepared:
        """Read a configuration, and decide what a container gets by it."""
        file_name = f"{name}.conf"
        files = await self._read(name)
        config = files.config
        # The network may have been deleted during the read.
        network = self._network(endpoint.network_id)
        if network.mode == "shared":
            raise needs_live()
        tunnel = tunnel_settings(network, files.settings, name, endpoint.tunnel)
        check_tunnel(tunnel)
        families = self._host.families
        check_endpoints(file_name, config, families)
        check_alone(file_name, config)
        await self._check_dns(file_name, config, tunnel, endpoint.dns_servers)
        options = override(TunnelSettings(), endpoint.tunnel)
        for warning in (*mtu_warnings(file_name, config, network.mtu), *self._not_done(options)):
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
            since=self._endpoints.wall() if why else 0.0,
            why=why,
        )
        return _Prepared(record, files, tunnel, addresses)

    async def _make(
        self, prepared: _Prepared, endpoint: NewEndpoint, turn: Turn, patience: Patience
    ) -> None:
        """Claim the configuration and make the device; a failure leaves neither."""
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._undo, endpoint.id)
            record = await self._claim(prepared.record, endpoint, prepared.tunnel)
            device = await self._make_device(record, prepared, turn, patience)
            if not turn.is_only:
                await self._pools.note_use(record.network_id, record.configuration)
            undo.pop_all()
        self._insides.attached(record, prepared.files, device)

    async def _make_device(
        self, endpoint: Endpoint, prepared: _Prepared, turn: Turn, patience: Patience
    ) -> DeviceConfig:
        config, timeout = prepared.files.config, prepared.files.settings.resolve_timeout
        with patience.finding(timeout, is_last=turn.is_last) as seconds:
            found = await self._peers.locate(endpoint.network_id, config, seconds)
        if found.errors and not self._insides.limits.finds_peers_later:
            raise found.errors[0]
        log_trying_again(found.errors)
        wanted = device_config(config, found.addresses)
        try:
            if turn.asks and prepared.tunnel.wait:
                await self._ask(endpoint, config, prepared.tunnel, wanted, turn, patience)
            mtu = await self._peers.mtu(endpoint.network_id, config, found.addresses.values())
            await self._host.create(device_name(endpoint.id), mtu, wanted)
        except BackendError as error:
            message = f"{endpoint.configuration}.conf: {error.message}"
            raise BackendError(error.code, message) from None
        return wanted

    async def _checked(self, network: Network, subnets: tuple[Prefix, ...], name: str) -> Checked:
        """Check a configuration for a new network."""
        file_name, families = f"{name}.conf", self._host.families
        files = await self._read(name)
        config = files.config
        tunnel = tunnel_settings(network, files.settings, name)
        check_tunnel(tunnel)
        check_network(file_name, config, subnets, families)
        check_alone(file_name, config)
        self._check_count(file_name, config.addresses)
        check_subnets(file_name, config.addresses, subnets)
        found = (
            *warnings(file_name, config, subnets, families),
            *self._not_ended(file_name, config),
            *self._warnings(file_name, config, tunnel, network.mtu),
        )
        return Checked(config.private_key, found)

    def _not_ended(self, file_name: str, config: InterfaceConfig) -> tuple[str, ...]:
        """Return the warning about peers that this edition doesn't end when they expire."""
        expires = any(peer.note.expires is not None for peer in config.peers)
        if not expires or self._insides.limits.sees_tunnels:
            return ()
        message = f"{file_name}: a peer that expires ends at the container's next start"
        return (f"{message}; with the live edition at once [{Code.NEEDS_LIVE}]",)

    async def _note_outcome(self, endpoint_id: str) -> None:
        """Take note of whether a configuration of a pool worked; its device is back on the host."""
        endpoint = self._endpoints.get(endpoint_id)
        network = self._networks.get(endpoint.network_id) if endpoint else None
        # While it is switched, the device's handshake may be that of either configuration.
        if endpoint is None or network is None or not network.pool.is_choice or endpoint.former:
            return
        try:
            worked = await self._host.had_handshake(device_name(endpoint_id))
        except BackendError as error:
            log.warning("whether %s worked isn't known: %s", endpoint.configuration, error)
            return
        if worked is not None:
            await self._pools.note_outcome(network.id, endpoint.configuration, worked=worked)

    async def _undo(self, endpoint_id: str) -> None:
        try:
            await self._endpoints.delete(endpoint_id)
        except PluginError as error:
            log.error("after a refused container: %s", error)

    def _check_count(self, file_name: str, addresses: tuple[InterfaceAddress, ...]) -> None:
        most = self._insides.limits.addresses_per_family
        check_count(file_name, usable(addresses, self._host.families), most)
