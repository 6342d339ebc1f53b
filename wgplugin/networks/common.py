"""The work that is the same in all kinds of network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.attachment import check_tunnel, dns_server, mtu_warnings, probe_trouble
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import device_name
from wgplugin.model.without_ipv6 import left_out
from wgplugin.networks import dns
from wgplugin.networks.asking import answer
from wgplugin.networks.choosing import Turn
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.insides import NEEDS_LIVE, Insides
from wgplugin.networks.kinds import Joined, NewEndpoint
from wgplugin.networks.modes import pool_settings
from wgplugin.networks.patience import Patience
from wgplugin.networks.pools import Pools
from wgplugin.state.records import Endpoint, Network
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


class Common:
    """The base of the kinds of network; see `kinds.Kind`."""

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        endpoints: Endpoints,
        host: HostKernel,
        insides: Insides,
        pools: Pools,
    ) -> None:
        self._folder = folder
        self._networks = networks
        self._endpoints = endpoints
        self._host = host
        self._insides = insides
        self._pools = pools

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

    async def _read(self, name: str) -> Files:
        files = await self._folder.read(name)
        apply_log_level(files.settings)
        return files

    async def _pool_settings(
        self, network: Network, options: Mapping[str, str] | None = None
    ) -> TunnelSettings:
        """Return the settings of a network with a pool, or of one container's start in it.

        Raises:
            PluginError: wgplugin.yaml or an option has errors, or they conflict.
        """
        settings = await asyncio.to_thread(self._folder.settings)
        tunnel = pool_settings(network, settings, options)
        check_tunnel(tunnel)
        return tunnel

    async def _claim(
        self, record: Endpoint, endpoint: NewEndpoint, tunnel: TunnelSettings
    ) -> Endpoint:
        """Claim a configuration and ports for an endpoint; return its record, which is stored.

        Docker repeats a call that broke off; the endpoint keeps the ports that it has got.
        """
        if before := self._endpoints.get(record.id):
            record = msgspec.structs.replace(
                record, published=before.published, number=before.number
            )
        await self._endpoints.claim(record)
        if not tunnel.publish:
            return record
        await self._endpoints.free_ports(record.id, endpoint.published)
        return await self._insides.publish(record, endpoint.published)

    def _warnings(
        self, file_name: str, config: InterfaceConfig, tunnel: TunnelSettings, mtu: int | None
    ) -> tuple[str, ...]:
        """Return the warnings that a new network gets in all modes; ``mtu`` is its option."""
        trouble = probe_trouble(config, tunnel)
        return (
            *self._not_done(tunnel),
            *left_out(file_name, config, tunnel, self._host.families),
            *mtu_warnings(file_name, config, mtu),
            *([f"{file_name}: {trouble}"] if trouble else ()),
        )

    def _not_done(self, tunnel: TunnelSettings) -> tuple[str, ...]:
        """Return the warning about settings that this edition can't follow."""
        settings = {"wireguard-probe": tunnel.probe, "wireguard-failback": tunnel.failback}
        given = [name for name, value in settings.items() if value]
        if not given or self._insides.limits.sees_tunnels:
            return ()
        return (f"{' and '.join(given)}{NEEDS_LIVE} [{Code.NEEDS_LIVE}]",)

    async def _ask(
        self,
        endpoint: Endpoint,
        config: InterfaceConfig,
        tunnel: TunnelSettings,
        wanted: DeviceConfig,
        turn: Turn,
        patience: Patience,
    ) -> None:
        """Wait until a peer answers, as ``wireguard-wait`` asks for; see `asking`."""
        given = (self._host, endpoint, config, wanted, patience, tunnel.wait)
        try:
            await answer(*given, is_last=turn.is_last)
        except BackendError:
            raise
        except PluginError as error:
            if not turn.is_only or tunnel.wait_fail == "refuse":
                raise
            log.warning("%s; the container starts without it [%s]", error.message, error.code)

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
