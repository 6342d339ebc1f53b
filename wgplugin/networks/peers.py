"""Where a configuration's peers are: the addresses of their endpoints, and the way there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec

from wgplugin.conf.parser import InterfaceConfig, PeerEndpoint
from wgplugin.errors import PluginError, StoreError
from wgplugin.model.attachment import tunnel_mtu
from wgplugin.model.device import Backend, SocketAddress
from wgplugin.networks.resolver import Resolver
from wgplugin.state.records import Network
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


class Peers:
    """Finds peers, and remembers with the network where they were.

    A host that has just booted may have no DNS yet, and Docker doesn't try a failed start again:
    then the container starts with the address that its peer had the last time.
    """

    def __init__(self, resolver: Resolver, networks: Records[Network], backend: Backend) -> None:
        self._resolver = resolver
        self._networks = networks
        self._backend = backend

    async def locate(
        self, network_id: str, config: InterfaceConfig, bound: float, *, patient: bool = False
    ) -> dict[PeerEndpoint, SocketAddress]:
        """Return the address of each endpoint in a network's configuration.

        What doesn't resolve within ``bound`` seconds is taken to be where it was the last time.
        If it never did, it is left out for those who are ``patient``.

        Raises:
            PluginError: one doesn't resolve and never did.
        """
        network = self._networks.get(network_id)
        known = network.addresses if network else {}
        endpoints = list({peer.endpoint for peer in config.peers if peer.endpoint})
        addresses = await asyncio.gather(
            *(self._locate(endpoint, bound, known.get(endpoint.host)) for endpoint in endpoints),
            return_exceptions=patient,
        )
        found = {}
        for endpoint, address in zip(endpoints, addresses, strict=True):
            if isinstance(address, PluginError):
                log.warning("%s; trying again [%s]", address.message, address.code)
            elif isinstance(address, BaseException):
                raise address
            else:
                found[endpoint] = address
        await self._remember(network_id, found)
        return found

    async def find(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        """Return where an endpoint is now.

        Raises:
            PluginError: it doesn't resolve within ``bound`` seconds.
        """
        return await self._resolver.resolve(endpoint, bound)

    async def mtu(self, addresses: Iterable[SocketAddress]) -> int:
        """Return the MTU, in bytes, of a device with peers at these addresses."""
        hosts = dict.fromkeys(address.host for address in addresses)
        ways = [await self._backend.path_mtu(host) for host in hosts]
        known = [mtu for mtu in ways if mtu]
        return tunnel_mtu(known or filter(None, [await self._backend.path_mtu(None)]))

    async def _locate(
        self, endpoint: PeerEndpoint, bound: float, last: str | None
    ) -> SocketAddress:
        try:
            return await self._resolver.resolve(endpoint, bound)
        except PluginError as error:
            if last is None:
                raise
            taken = f"{error.message}; taking its last known address, {last}"
            log.warning("%s [%s]", taken, error.code)
            return await self._resolver.resolve(replace(endpoint, host=last), bound)

    async def _remember(self, network_id: str, found: Mapping[PeerEndpoint, SocketAddress]) -> None:
        addresses = {
            endpoint.host: str(address.host)
            for endpoint, address in found.items()
            if not address.scope_id and endpoint.host != str(address.host)
        }
        async with self._networks.lock(network_id):
            network = self._networks.get(network_id)
            if network is None or network.addresses == addresses:
                return
            try:
                await self._networks.put(msgspec.structs.replace(network, addresses=addresses))
            except StoreError as error:
                log.warning("the peers' addresses can't be remembered: %s", error)
