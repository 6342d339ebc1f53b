"""The routers of all shared networks, in the live edition."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError
from wgplugin.model.backends import HostKernel, RouterKernel
from wgplugin.networks.router import Router
from wgplugin.networks.seats import Seats
from wgplugin.networks.services import Services
from wgplugin.state.records import Endpoint, Network

log = logging.getLogger(__name__)


class Routers:
    """Makes a network's router for its first container, and deletes it with the network."""

    def __init__(self, services: Services, kernel: RouterKernel, host: HostKernel) -> None:
        self._services = services
        self._kernel = kernel
        self._host = host
        self.seats: Seats | None = None
        """The claims of networks with pools; set once all parts of the plugin are there."""
        self._routers: dict[str, Router] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Router]:
        """Iterate over the routers that are there."""
        return iter([router for router in self._routers.values() if router.is_made])

    async def check(self) -> None:
        """Check that routers can be made here.

        Raises:
            BackendError: they can't.
        """
        await self._kernel.check()

    async def find(self) -> None:
        """Find the routers from before the plugin's start; delete those that no network has."""
        networks = self._services.networks
        try:
            for network_id in await self._kernel.networks():
                if network := networks.get(network_id):
                    self._add(network, found=True)
                elif not networks.knows(network_id):
                    await self._kernel.delete(network_id)
                    log.warning("deleted the router of network %.12s, which is gone", network_id)
        except BackendError as error:
            log.error("%s", error)

    async def resume(self) -> None:
        """Look after the routers that were found."""
        for router in self:
            await router.read()
            self._keep(router)

    def of(self, network: Network) -> Router:
        """Return a network's router, which may have to be made yet."""
        return self._routers.get(network.id) or self._add(network)

    async def attach(self, network: Network, endpoint: Endpoint, files: Files) -> None:
        """Make a veth on the host for an endpoint, and its network's router unless it is there.

        Raises:
            PluginError: the container can't be attached.
        """
        router = self.of(network)
        await router.attach(endpoint, files)
        self._keep(router)

    def replan(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint was deleted, or has lost its ports."""
        if router := self._routers.get(endpoint.network_id):
            router.replan(endpoint)

    async def delete(self, network_id: str) -> None:
        """Delete a network's router; succeed if there is none.

        Raises:
            BackendError: the kernel refuses.
        """
        router = self._routers.pop(network_id, None)
        if task := self._keeping.pop(network_id, None):
            task.cancel()
        if router:
            await router.delete()
        else:
            await self._kernel.delete(network_id)

    async def release(self, configuration: str, network_id: str) -> None:
        """Delete the router that has a configuration without using it for a container.

        ``network_id`` is the network that needs it now, whose own router stays.

        Raises:
            BackendError: the kernel refuses.
        """
        for router in self:
            other = router.network_id
            is_asked = router.configuration == configuration and other != network_id
            if is_asked and not self._is_used(other):
                await self.delete(other)
                log.info("%s is deleted, as another network uses its configuration", router)

    async def ports(self) -> frozenset[str]:
        """Return the names on the host of all veths that exist, wherever they are.

        Raises:
            BackendError: they can't be listed.
        """
        found = [await router.ports() for router in self]
        return frozenset().union(*found)

    async def check_pins(self) -> None:
        """Have all routers pinned again whose pins somebody has removed."""
        for router in self:
            await router.space.check_pin()

    def close(self) -> None:
        """Look after the routers no more; they stay."""
        for task in self._keeping.values():
            task.cancel()
        for router in self:
            router.close()

    def _add(self, network: Network, *, found: bool = False) -> Router:
        router = Router(network, self._services, self._kernel, self._host, self.seats, found=found)
        self._routers[network.id] = router
        return router

    def _is_used(self, network_id: str) -> bool:
        return any(each.network_id == network_id for each in self._services.endpoints)

    def _keep(self, router: Router) -> None:
        if router.network_id not in self._keeping:
            self._keeping[router.network_id] = asyncio.create_task(router.run())
