"""Docker's network driver: one method a call of its protocol."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakValueDictionary

from wgplugin import dns, protocol
from wgplugin.addresses import check_subnets, choose
from wgplugin.config import InterfaceConfig, PeerEndpoint
from wgplugin.errors import BackendError, PluginError
from wgplugin.folder import ConfigFolder
from wgplugin.options import endpoint_options, network_options
from wgplugin.resolver import Resolver
from wgplugin.routes import sink_address
from wgplugin.settings import Settings, TunnelSettings
from wgplugin.store import Endpoint, Network, Store
from wgplugin.translation import (
    attachment,
    check_tunnel,
    device_config,
    endpoint_interface,
    needs_sink_address,
    tunnel_mtu,
    warnings,
)
from wgplugin.wireguard import Backend, SocketAddress

log = logging.getLogger(__name__)

DEVICE_PREFIX = "wgp"
DEVICE_NAME = re.compile(rf"{DEVICE_PREFIX}[0-9a-f]{{12}}")
CONTAINER_PREFIX = "wg"


def device_name(endpoint_id: str) -> str:
    """Return the name of an endpoint's device while the host has it: 15 characters, Linux's most.

    The same id always gives the same name, so that a device can be found without a record of it.
    """
    return DEVICE_PREFIX + hashlib.sha256(endpoint_id.encode()).hexdigest()[:12]


class Driver:
    """Networks that each stand for one WireGuard configuration, and their containers.

    Docker may send any call twice, late or never; calls for one endpoint are served in turn.
    Every method may raise PluginError, which is what the user reads.
    """

    def __init__(
        self, folder: ConfigFolder, store: Store, backend: Backend, resolver: Resolver
    ) -> None:
        """Serve the configurations of ``folder``, on the devices of ``backend``."""
        self._folder = folder
        self._store = store
        self._backend = backend
        self._resolver = resolver
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _lock(self, record_id: str) -> asyncio.Lock:
        return self._locks.setdefault(record_id, asyncio.Lock())

    def settings(self) -> Settings:
        """Read the settings as they are now, and put their log level into force.

        Raises:
            ConfigError: wgplugin.yaml can't be used; what was in force stays so.
        """
        settings = self._folder.settings()
        # Only our own loggers follow the setting: libraries at debug level write keys out.
        logging.getLogger("wgplugin").setLevel(settings.log_level.upper())
        return settings

    async def sweep(self) -> None:
        """Delete the devices that nobody will ask for any more; to be called at the start.

        Docker brings a stopped container's device back to the host even if the plugin isn't there
        to delete it, and forgets it. A device of an endpoint in the store isn't touched.
        """
        known = {device_name(endpoint.id) for endpoint in self._store.endpoints}
        for ifname in await self._backend.names():
            if DEVICE_NAME.fullmatch(ifname) and ifname not in known:
                await self._backend.delete(ifname)
                log.warning("deleted the device %s, which no endpoint has", ifname)

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
        async with self._lock(request.network_id):
            options = network_options(request.options)
            name = options.configuration
            config = self._folder.load(name)
            check_tunnel(self._tunnel(name, options.tunnel))
            pools = [*(request.ipv4_data or ()), *(request.ipv6_data or ())]
            subnets = [pool.pool for pool in pools if pool.address_space != "null"]
            check_subnets(f"{name}.conf", config.addresses, subnets)
            network = Network(id=request.network_id, configuration=name, tunnel=options.tunnel)
            await self._store.networks.put(network)
            for warning in warnings(f"{name}.conf", config, subnets):
                log.warning("%s", warning)
        log.info("network %.12s created with configuration %s", request.network_id, name)
        return protocol.Empty()

    async def delete_network(self, request: protocol.NetworkRequest) -> protocol.Empty:
        """Forget the network, with any endpoint whose own deletion never came."""
        async with self._lock(request.network_id):
            for endpoint in self._store.endpoints:
                if endpoint.network_id == request.network_id:
                    await self._delete_endpoint(endpoint.id)
            await self._store.networks.remove(request.network_id)
        log.info("network %.12s deleted", request.network_id)
        return protocol.Empty()

    async def create_endpoint(
        self, request: protocol.CreateEndpointRequest
    ) -> protocol.CreateEndpointResponse:
        """Claim the network's configuration for a container, and decide what Docker sets in it.

        The answer has the addresses that Docker didn't assign.
        """
        async with self._lock(request.endpoint_id):
            options = endpoint_options(request.options)
            interface = request.interface or protocol.EndpointInterface()
            if interface.mac_address:
                raise PluginError("a WireGuard device has no MAC address; leave out --mac-address")
            network = self._network(request.network_id)
            name = network.configuration
            config = self._folder.load(name)
            tunnel = self._tunnel(name, network.tunnel, options.tunnel)
            check_tunnel(tunnel)
            _check_dns(name, config, request.options, tunnel)
            assigned = [text for text in (interface.address, interface.address_ipv6) if text]
            addresses = choose(f"{name}.conf", options.addresses or config.addresses, assigned)
            if needs_sink_address(config, addresses, tunnel):
                addresses += (sink_address(request.endpoint_id),)
            self._check_free(name, request.endpoint_id)
            static_routes, gateways = attachment(config, addresses, tunnel)
            endpoint = Endpoint(
                id=request.endpoint_id,
                network_id=network.id,
                configuration=name,
                routes=static_routes,
                gateways=gateways,
            )
            await self._store.endpoints.put(endpoint)
        return protocol.CreateEndpointResponse(
            interface=endpoint_interface(addresses[len(assigned) :])
        )

    async def join(self, request: protocol.JoinRequest) -> protocol.JoinResponse:
        """Make the device of an endpoint and tell Docker how to put it into the container."""
        async with self._lock(request.endpoint_id), AsyncExitStack() as undo:
            endpoint = self._store.endpoints.get(request.endpoint_id)
            if endpoint is None:
                raise PluginError("the container's endpoint is unknown; start the container again")
            name = endpoint.configuration
            config = self._folder.load(name)
            endpoints = await self._resolve(config, self.settings().resolve_timeout)
            ifname = device_name(endpoint.id)
            try:
                mtu = config.mtu or await self._mtu(endpoints.values())
                undo.push_async_callback(self._delete_failed, ifname)
                await self._backend.create(ifname, mtu)
                await self._backend.configure(ifname, device_config(config, endpoints))
            except BackendError as error:
                raise BackendError(f"{name}.conf: {error}") from None
            undo.pop_all()
        log.info("endpoint %.12s joins with configuration %s: %s", endpoint.id, name, ifname)
        return protocol.JoinResponse(
            interface_name=protocol.InterfaceName(src_name=ifname, dst_prefix=CONTAINER_PREFIX),
            gateway=next((text for text in endpoint.gateways if ":" not in text), ""),
            gateway_ipv6=next((text for text in endpoint.gateways if ":" in text), ""),
            static_routes=endpoint.routes,
        )

    async def leave(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Do nothing yet: the device is still in the container, and Docker brings it back."""
        log.info("endpoint %.12s leaves", request.endpoint_id)
        return protocol.Empty()

    async def delete_endpoint(self, request: protocol.EndpointRequest) -> protocol.Empty:
        """Delete the endpoint's device, and free its configuration."""
        async with self._lock(request.endpoint_id):
            await self._delete_endpoint(request.endpoint_id)
        return protocol.Empty()

    async def endpoint_oper_info(
        self, request: protocol.EndpointRequest
    ) -> protocol.EndpointOperInfoResponse:
        """Answer that there is nothing to tell Docker about an endpoint."""
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
        network = self._store.networks.get(network_id)
        if network is None:
            raise PluginError(
                "the plugin doesn't know this network, which was made by an earlier "
                "installation; remove it (docker network rm) and create it again"
            )
        return network

    def _tunnel(self, configuration: str, *options: Mapping[str, str]) -> TunnelSettings:
        tunnel = self.settings().tunnel(configuration)
        for texts in options:
            tunnel = tunnel.override(texts)
        return tunnel

    def _check_free(self, configuration: str, endpoint_id: str) -> None:
        holder = self._store.holder(configuration)
        if holder is not None and holder.id != endpoint_id:
            raise PluginError(
                f"configuration {configuration} is in use by endpoint {holder.id:.12} of network "
                f"{holder.network_id:.12}; WireGuard serves one container with one key"
            )

    async def _delete_failed(self, ifname: str) -> None:
        try:
            await self._backend.delete(ifname)
        except BackendError as error:
            log.error("after a failed join: %s", error)

    async def _delete_endpoint(self, endpoint_id: str) -> None:
        await self._backend.delete(device_name(endpoint_id))
        await self._store.endpoints.remove(endpoint_id)

    async def _resolve(
        self, config: InterfaceConfig, bound: float
    ) -> dict[PeerEndpoint, SocketAddress]:
        endpoints = list({peer.endpoint for peer in config.peers if peer.endpoint})
        addresses = await asyncio.gather(
            *(self._resolver.resolve(endpoint, bound) for endpoint in endpoints)
        )
        return dict(zip(endpoints, addresses, strict=True))

    async def _mtu(self, addresses: Iterable[SocketAddress]) -> int:
        ways = [await self._backend.path_mtu(address.host) for address in addresses]
        known = [mtu for mtu in ways if mtu]
        return tunnel_mtu(known or filter(None, [await self._backend.path_mtu(None)]))


def _check_dns(
    name: str, config: InterfaceConfig, options: Mapping[str, Any] | None, tunnel: TunnelSettings
) -> None:
    advice = dns.advice(f"{name}.conf", config.dns, options)
    if advice and tunnel.dns == "require":
        raise PluginError(advice)
    if advice and tunnel.dns == "warn":
        log.warning("%s", advice)
