"""The addresses of a configuration's peers, and the path MTU to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

import msgspec

from wgplugin.errors import PluginError, StoreError
from wgplugin.model.attachment import tunnel_mtu
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint
from wgplugin.model.device import SocketAddress
from wgplugin.networks.resolver import Resolver, is_literal
from wgplugin.state.records import Network
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Located:
    """The addresses of the endpoints that were found, and an error for each of the others."""

    addresses: Mapping[PeerEndpoint, SocketAddress]
    errors: tuple[PluginError, ...]


class Peers:
    """Finds peers, and remembers their addresses in the network's record.

    A host that has just booted may have no DNS yet, and Docker doesn't retry a failed start. So the
    container starts with its peer's last known address. That is the last one that worked, or else
    the newest.
    """

    def __init__(self, resolver: Resolver, networks: Records[Network], host: HostKernel) -> None:
        self._resolver = resolver
        self._networks = networks
        self._host = host
        self._known: dict[PeerEndpoint, tuple[SocketAddress, ...]] = {}

    async def locate(self, network_id: str, config: InterfaceConfig, bound: float) -> Located:
        """Find the address of each endpoint in a network's configuration: the first of `find`.

        One that doesn't resolve within ``bound`` seconds gets its last known address, if any.
        """
        last = self._remembered(network_id)
        endpoints = list({peer.endpoint for peer in config.peers if peer.endpoint})
        answers = await asyncio.gather(
            *(self._locate(endpoint, bound, last.get(endpoint.host)) for endpoint in endpoints)
        )
        found = {
            endpoint: answer
            for endpoint, answer in zip(endpoints, answers, strict=True)
            if isinstance(answer, SocketAddress)
        }
        await self._put(network_id, found, only=True)
        errors = (answer for answer in answers if isinstance(answer, PluginError))
        return Located(found, tuple(errors))

    async def find(
        self, network_id: str, endpoint: PeerEndpoint, bound: float
    ) -> tuple[SocketAddress, ...]:
        """Return the present addresses of an endpoint, the last known one first.

        Those that the host has no way to are left out, if there are others. If the last known one
        isn't among them any more, the first one is remembered in its place.

        Raises:
            PluginError: it doesn't resolve within ``bound`` seconds.
        """
        last = self._remembered(network_id).get(endpoint.host)
        found = await self._find(endpoint, bound, last)
        await self.remember(network_id, endpoint, found[0])
        return found

    def known(self, endpoint: PeerEndpoint) -> tuple[SocketAddress, ...]:
        """Return the addresses of an endpoint as they were found last; none if they never were."""
        return self._known.get(endpoint, ())

    async def remember(
        self, network_id: str, endpoint: PeerEndpoint, address: SocketAddress
    ) -> None:
        """Remember an address that works as the last known one of its endpoint."""
        await self._put(network_id, {endpoint: address}, only=False)

    async def has_way(self, address: SocketAddress) -> bool:
        """Return whether the host has a route to an address.

        Raises:
            PluginError: the kernel refuses.
        """
        return await self._host.path_mtu(address.host) is not None

    async def mtu(
        self, network_id: str, config: InterfaceConfig, addresses: Iterable[SocketAddress]
    ) -> int:
        """Return the MTU, in bytes, for a device with peers at these addresses.

        It is the file's, or else the network's option, or else that of the paths to the peers, less
        the overhead.
        """
        network = self._networks.get(network_id)
        fixed = config.mtu or (network.mtu if network else None)
        if fixed:
            return fixed
        hosts = dict.fromkeys(address.host for address in addresses)
        ways = [await self._host.path_mtu(host) for host in hosts]
        known = [mtu for mtu in ways if mtu]
        return tunnel_mtu(known or filter(None, [await self._host.path_mtu(None)]))

    async def _locate(
        self, endpoint: PeerEndpoint, bound: float, last: str | None
    ) -> SocketAddress | PluginError:
        try:
            return (await self._find(endpoint, bound, last))[0]
        except PluginError as error:
            if last is None or ip_address(last).version not in self._host.families:
                return error
            taken = f"{error.message}; taking its last known address, {last}"
            log.warning("%s [%s]", taken, error.code)
            return await self._locate(replace(endpoint, host=last), bound, None)

    async def _find(
        self, endpoint: PeerEndpoint, bound: float, last: str | None
    ) -> tuple[SocketAddress, ...]:
        found = await self._resolver.resolve(endpoint, bound)
        if len(found) > 1:
            reachable = [address for address in found if await self.has_way(address)]
            found = tuple(sorted(reachable or found, key=lambda each: str(each.host) != last))
        self._known[endpoint] = found
        return found

    def _remembered(self, network_id: str) -> Mapping[str, str]:
        network = self._networks.get(network_id)
        return network.addresses if network else {}

    async def _put(
        self, network_id: str, found: Mapping[PeerEndpoint, SocketAddress], *, only: bool
    ) -> None:
        async with self._networks.lock(network_id):
            network = self._networks.get(network_id)
            if network is None:
                return
            # Other containers may have other configurations of a pool.
            kept = {} if only and not network.pool.is_choice else network.addresses
            addresses = {**kept, **_by_host(found)}
            if network.addresses == addresses:
                return
            try:
                await self._networks.put(msgspec.structs.replace(network, addresses=addresses))
            except StoreError as error:
                log.warning("the peers' addresses can't be remembered: %s", error)


def _by_host(found: Mapping[PeerEndpoint, SocketAddress]) -> dict[str, str]:
    """Return the addresses of host names, without those that are meant for one interface."""
    return {
        endpoint.host: str(address.host)
        for endpoint, address in found.items()
        if not address.scope_id and not is_literal(endpoint)
    }


def log_trying_again(errors: Iterable[PluginError]) -> None:
    """Log the peers that aren't found yet, and will be looked for again."""
    for error in errors:
        log.warning("%s; trying again [%s]", error.message, error.code)
