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
from wgplugin.networks.resolver import Resolver
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
    container starts with its peer's last known address.
    """

    def __init__(self, resolver: Resolver, networks: Records[Network], host: HostKernel) -> None:
        self._resolver = resolver
        self._networks = networks
        self._host = host

    async def locate(self, network_id: str, config: InterfaceConfig, bound: float) -> Located:
        """Find the address of each endpoint in a network's configuration.

        One that doesn't resolve within ``bound`` seconds gets its last known address, if any.
        """
        network = self._networks.get(network_id)
        known = network.addresses if network else {}
        endpoints = list({peer.endpoint for peer in config.peers if peer.endpoint})
        answers = await asyncio.gather(
            *(self._locate(endpoint, bound, known.get(endpoint.host)) for endpoint in endpoints)
        )
        found = {
            endpoint: answer
            for endpoint, answer in zip(endpoints, answers, strict=True)
            if isinstance(answer, SocketAddress)
        }
        await self._remember(network_id, found)
        errors = (answer for answer in answers if isinstance(answer, PluginError))
        return Located(found, tuple(errors))

    async def find(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        """Return the present address of an endpoint.

        Raises:
            PluginError: it doesn't resolve within ``bound`` seconds.
        """
        return await self._resolver.resolve(endpoint, bound)

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
            return await self._resolver.resolve(endpoint, bound)
        except PluginError as error:
            if last is None or ip_address(last).version not in self._host.families:
                return error
            taken = f"{error.message}; taking its last known address, {last}"
            log.warning("%s [%s]", taken, error.code)
            return await self._locate(replace(endpoint, host=last), bound, None)

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


def log_trying_again(errors: Iterable[PluginError]) -> None:
    """Log the peers that aren't found yet, and will be looked for again."""
    for error in errors:
        log.warning("%s; trying again [%s]", error.message, error.code)
