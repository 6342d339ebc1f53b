"""Docker's network driver: one method a call of its protocol."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from weakref import WeakValueDictionary

from wgplugin import protocol
from wgplugin.config import InterfaceConfig, PeerEndpoint
from wgplugin.errors import BackendError, PluginError
from wgplugin.folder import ConfigFolder
from wgplugin.options import check_endpoint_options, network_options
from wgplugin.resolver import Resolver
from wgplugin.store import Endpoint, Network, Store
from wgplugin.translation import (
    check_addresses,
    device_config,
    endpoint_interface,
    static_routes,
    tunnel_mtu,
)
from wgplugin.wireguard import Backend, SocketAddress

log = logging.getLogger(__name__)

DEVICE_PREFIX = "wgp"
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
            name = network_options(request.options).configuration
            pools = [*(request.ipv4_data or ()), *(request.ipv6_data or ())]
            assigned = any(pool.address_space != "null" for pool in pools)
            check_addresses(name, self._folder.load(name), assigned)
            await self._store.networks.put(Network(id=request.network_id, configuration=name))
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
        """Claim the network's configuration for a container, and answer its addresses.

        The addresses are the configuration's, or those that Docker's IPAM assigned.
        """
        async with self._lock(request.endpoint_id):
            check_endpoint_options(request.options)
            assigned = request.interface or protocol.EndpointInterface()
            if assigned.mac_address:
                raise PluginError("a WireGuard device has no MAC address; leave out --mac-address")
            network = self._network(request.network_id)
            name = network.configuration
            config = self._folder.load(name)
            given = [text for text in (assigned.address, assigned.address_ipv6) if text]
            check_addresses(name, config, bool(given))
            self._check_free(name, request.endpoint_id)
            endpoint = Endpoint(
                id=request.endpoint_id,
                network_id=network.id,
                configuration=name,
                addresses=tuple(given or map(str, config.addresses)),
            )
            await self._store.endpoints.put(endpoint)
        answer = protocol.EndpointInterface() if given else endpoint_interface(config)
        return protocol.CreateEndpointResponse(interface=answer)

    async def join(self, request: protocol.JoinRequest) -> protocol.JoinResponse:
        """Make the device of an endpoint and tell Docker how to put it into the container."""
        async with self._lock(request.endpoint_id), AsyncExitStack() as undo:
            endpoint = self._store.endpoints.get(request.endpoint_id)
            if endpoint is None:
                raise PluginError("the container's endpoint is unknown; start the container again")
            name = endpoint.configuration
            config = self._folder.load(name)
            endpoints = await self._resolve(config)
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
            static_routes=static_routes(config, endpoint.addresses),
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

    async def _resolve(self, config: InterfaceConfig) -> dict[PeerEndpoint, SocketAddress]:
        endpoints = list({peer.endpoint for peer in config.peers if peer.endpoint})
        addresses = await asyncio.gather(*map(self._resolver.resolve, endpoints))
        return dict(zip(endpoints, addresses, strict=True))

    async def _mtu(self, addresses: Iterable[SocketAddress]) -> int:
        ways = [await self._backend.path_mtu(address.host) for address in addresses]
        return tunnel_mtu(mtu for mtu in ways if mtu)
