"""Docker's network driver: one method a call of its protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.conf.parser import InterfaceConfig
from wgplugin.conf.settings import Settings, TunnelSettings
from wgplugin.docker import protocol
from wgplugin.docker.options import endpoint_options, network_options
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.addresses import check_subnets, choose
from wgplugin.model.attachment import (
    attachment,
    check_tunnel,
    device_config,
    dns_server,
    endpoint_interface,
    needs_sink_address,
    warnings,
)
from wgplugin.model.backends import Sandboxes
from wgplugin.model.device import Backend
from wgplugin.model.routes import sink_address
from wgplugin.networks import dns
from wgplugin.networks.claims import Endpoints, device_name
from wgplugin.networks.peers import Peers
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.status import Status, unseen
from wgplugin.state import boottime
from wgplugin.state.boottime import Moment
from wgplugin.state.records import Endpoint, Network
from wgplugin.state.store import Store

if TYPE_CHECKING:
    from wgplugin.networks.supervisor import Live

log = logging.getLogger(__name__)

CONTAINER_PREFIX = "wg"


class Driver:
    """Networks that each stand for one WireGuard configuration, and their containers.

    Docker may send any call twice, late or never; calls for one endpoint are served in turn.
    Every method may raise PluginError, which is what the user reads.
    """

    def __init__(
        self,
        folder: ConfigFolder,
        store: Store,
        backend: Backend,
        resolver: Resolver,
        now: Callable[[], Moment] = boottime.now,
        sandboxes: Sandboxes | None = None,
    ) -> None:
        """Serve the configurations of ``folder``, on the devices of ``backend``.

        With ``sandboxes``, which can be entered, this is the live edition.
        """
        self._folder = folder
        self._networks = store.networks
        self._endpoints = Endpoints(store, backend, now)
        self._backend = backend
        self._now = now
        self._peers = Peers(resolver, store.networks, backend)
        self.live: Live | None = None
        if sandboxes:
            # The base edition has no use for these.
            from wgplugin.networks.supervisor import Live
            from wgplugin.networks.tunnel import Means

            means = Means(folder, store.networks, store.endpoints, self._peers, sandboxes)
            self.live = Live(means)

    def settings(self) -> Settings:
        """Read the settings as they are now, and put their log level into force.

        Raises:
            ConfigError: wgplugin.yaml can't be used; what was in force stays so.
        """
        settings = self._folder.settings()
        _put_into_force(settings)
        return settings

    async def reconcile(self) -> bool:
        """Clear up what an earlier run, or a Docker that crashed, left; see Endpoints.

        Says so, too, if there are networks but no configuration for any of them.

        Raises:
            PluginError: the devices or the store can't be brought in line.
        """
        networks = len(list(self._networks))
        if networks and not self._folder.names():
            log.error(
                "there are %d networks, but the configuration folder is empty: no container can "
                "start; after an upgrade of the plugin its folder must be set again: "
                "docker plugin set PLUGIN config.source=DIR [%s]",
                networks,
                Code.EMPTY_FOLDER,
            )
        return await self._endpoints.reconcile()

    async def keep(self) -> None:
        """Keep the tunnels that can be reached in their containers, until cancelled."""
        if self.live:
            self.live.resume(self._endpoints)
            await self.live.run()

    async def status(self) -> Status:
        """Return how every tunnel is doing, as far as this edition can tell."""
        if self.live:
            await self.live.look()
            return Status("live", tuple(tunnel.status() for tunnel in self.live.tunnels))
        return Status("base", tuple(map(unseen, self._endpoints)))

    async def activate(self, request: protocol.Empty) -> protocol.ActivateResponse:
        """Say what the plugin implements."""
        return protocol.ActivateResponse()

    async def get_capabilities(self, request: protocol.Empty) -> protocol.CapabilitiesResponse:
        """Say what kind of network driver this is."""
        return protocol.CapabilitiesResponse()

    async def gw_alloc_check(
        self, request: protocol.GwAllocCheckRequest
    ) -> protocol.GwAllocCheckResponse:
        """Tell Docker that no network of this driver needs a gateway address."""
        return protocol.GwAllocCheckResponse()

    async def create_network(self, request: protocol.CreateNetworkRequest) -> protocol.Empty:
        """Check the network's options and its configuration, and remember the network."""
        async with self._networks.lock(request.network_id):
            options = network_options(request.options)
            name = options.configuration
            files = await self._read(name)
            config = files.config
            check_tunnel(files.settings.tunnel(name).override(options.tunnel))
            pools = [*(request.ipv4_data or ()), *(request.ipv6_data or ())]
            subnets = [pool.pool for pool in pools if pool.address_space != "null"]
            several = self.live is not None
            check_subnets(f"{name}.conf", config.addresses, subnets, several=several)
            network = Network(id=request.network_id, configuration=name, tunnel=options.tunnel)
            await self._networks.put(network)
            for warning in warnings(f"{name}.conf", config, subnets):
                log.warning("%s", warning)
        log.info("network %.12s created with configuration %s", request.network_id, name)
        return protocol.Empty()

    async def delete_network(self, request: protocol.NetworkRequest) -> protocol.Empty:
        """Forget the network, with any endpoint whose own deletion never came."""
        async with self._networks.lock(request.network_id):
            await self._networks.remove(request.network_id)
        await self._endpoints.delete_all(request.network_id)
        log.info("network %.12s deleted", request.network_id)
        return protocol.Empty()

    async def create_endpoint(
        self, request: protocol.CreateEndpointRequest
    ) -> protocol.CreateEndpointResponse:
        """Claim the network's configuration for a container, and decide what Docker sets in it.

        The answer has the addresses that Docker didn't assign.
        """
        async with self._endpoints.lock(request.endpoint_id):
            options = endpoint_options(request.options)
            interface = request.interface or protocol.EndpointInterface()
            if interface.mac_address:
                message = "a WireGuard device has no MAC address; leave out --mac-address"
                raise PluginError(Code.MAC_ADDRESS, message)
            name = self._network(request.network_id).configuration
            files = await self._read(name, again=True)
            config = files.config
            # It may have been deleted meanwhile.
            network = self._network(request.network_id)
            tunnel = files.settings.tunnel(name).override(network.tunnel, options.tunnel)
            check_tunnel(tunnel)
            if self.live is None or dns_server(config, tunnel) is None:
                _check_dns(name, config, request.options, tunnel)
            assigned = [text for text in (interface.address, interface.address_ipv6) if text]
            own = options.addresses or config.addresses
            addresses = choose(f"{name}.conf", own, assigned, several=self.live is not None)
            if needs_sink_address(config, addresses, tunnel):
                addresses += (sink_address(request.endpoint_id),)
            static_routes, gateways = attachment(config, addresses, tunnel)
            endpoint = Endpoint(
                id=request.endpoint_id,
                network_id=network.id,
                configuration=name,
                created=self._now(),
                routes=static_routes,
                gateways=gateways,
                tunnel=options.tunnel,
                addresses=tuple(map(str, options.addresses)),
                assigned=tuple(assigned),
            )
            await self._endpoints.claim(endpoint)
        families = {ip_interface(text).version for text in assigned}
        return protocol.CreateEndpointResponse(
            interface=endpoint_interface(
                address for address in addresses if address.version not in families
            )
        )

    async def join(self, request: protocol.JoinRequest) -> protocol.JoinResponse:
        """Make the device of an endpoint and tell Docker how to put it into the container."""
        async with self._endpoints.lock(request.endpoint_id), AsyncExitStack() as undo:
            endpoint = self._endpoints.get(request.endpoint_id)
            if endpoint is None:
                message = "the container's endpoint is unknown; start the container again"
                raise PluginError(Code.UNKNOWN_ENDPOINT, message)
            name = endpoint.configuration
            files = await self._read(name)
            config = files.config
            addresses = await self._peers.locate(
                endpoint.network_id,
                config,
                files.settings.resolve_timeout,
                patient=self.live is not None,
            )
            ifname = device_name(endpoint.id)
            try:
                mtu = config.mtu or await self._peers.mtu(addresses.values())
                undo.push_async_callback(self._delete_failed, ifname)
                await self._backend.create(ifname, mtu, device_config(config, addresses))
            except BackendError as error:
                raise BackendError(error.code, f"{name}.conf: {error.message}") from None
            routes = endpoint.routes
            if self.live:
                endpoint = await self._endpoints.enter(endpoint, request.sandbox_key)
                if await self.live.join(endpoint, files):
                    routes = ()
            undo.pop_all()
        log.info("endpoint %.12s joins with configuration %s: %s", endpoint.id, name, ifname)
        return protocol.JoinResponse(
            interface_name=protocol.InterfaceName(src_name=ifname, dst_prefix=CONTAINER_PREFIX),
            gateway=next((text for text in endpoint.gateways if ":" not in text), ""),
            gateway_ipv6=next((text for text in endpoint.gateways if ":" in text), ""),
            static_routes=routes,
        )

    async def leave(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Leave the device, which is still in the container, for Docker to bring back."""
        log.info("endpoint %.12s leaves", request.endpoint_id)
        if self.live:
            await self.live.leave(request.endpoint_id)
        return protocol.Empty()

    async def delete_endpoint(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Delete the endpoint's device, and free its configuration."""
        async with self._endpoints.lock(request.endpoint_id):
            if self.live:
                await self.live.leave(request.endpoint_id)
            await self._endpoints.delete(request.endpoint_id)
        return protocol.Empty()

    async def endpoint_oper_info(
        self, request: protocol.EndpointRequest
    ) -> protocol.EndpointOperInfoResponse:
        """Answer that there is nothing to tell; to be asked is what counts, see Live.finished()."""
        if self.live:
            await self.live.finished(request.endpoint_id)
        return protocol.EndpointOperInfoResponse(value={})

    async def allocate_network(
        self, request: protocol.AllocateNetworkRequest
    ) -> protocol.AllocateNetworkResponse:
        """Hand on no options to swarm's nodes: the networks are each host's own."""
        return protocol.AllocateNetworkResponse(options={})

    async def acknowledge(self, request: protocol.Message) -> protocol.Empty:
        """Answer a notice that asks for nothing here."""
        return protocol.Empty()

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

    async def _read(self, name: str, *, again: bool = False) -> Files:
        files = await self._folder.read(name, again=again)
        _put_into_force(files.settings)
        return files

    async def _delete_failed(self, ifname: str) -> None:
        try:
            await self._backend.delete(ifname)
        except BackendError as error:
            log.error("after a failed join: %s", error)


def _put_into_force(settings: Settings) -> None:
    # Only our own loggers follow the setting: libraries at debug level write keys out.
    logging.getLogger("wgplugin").setLevel(settings.log_level.upper())


def _check_dns(
    name: str, config: InterfaceConfig, options: Mapping[str, Any] | None, tunnel: TunnelSettings
) -> None:
    advice = dns.advice(f"{name}.conf", config.dns, options)
    if advice and tunnel.dns == "require":
        raise PluginError(Code.DNS_NOT_ASKED, advice)
    if advice and tunnel.dns == "warn":
        log.warning("%s [%s]", advice, Code.DNS_NOT_ASKED)
