"""Docker's endpoints: each one's claim to a configuration, and the location of its device.

A WireGuard key serves one container, so an endpoint claims its configuration until it is deleted,
as it does the ports that it publishes. That deletion may never come. So an endpoint loses its
claims if its device is in no container after the time that Docker needs to put it there
(Timings.settling).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wgplugin.clock import Clock
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.backends import HostKernel, Location
from wgplugin.model.identity import DEVICE_NAME, device_name
from wgplugin.model.published import PortBinding
from wgplugin.state.records import Endpoint
from wgplugin.state.store import Store
from wgplugin.timings import Timings

if TYPE_CHECKING:
    from wgplugin.networks.publisher import Publisher
    from wgplugin.networks.routers import Routers

log = logging.getLogger(__name__)


class Endpoints:
    """The endpoints of the store, and their devices."""

    def __init__(
        self,
        store: Store,
        host: HostKernel,
        clock: Clock,
        timings: Timings,
        routers: Routers | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        """Use these parts of the plugin; the base edition has no ``routers`` and ``publisher``."""
        self._store = store
        self._host = host
        self._routers = routers
        self._publisher = publisher
        self.now = clock.moment
        self._started = clock.moment()
        self._settling = timings.settling

    def lock(self, endpoint_id: str) -> asyncio.Lock:
        """Return the endpoint's lock; hold it to change the endpoint or its device."""
        return self._store.endpoints.lock(endpoint_id)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._store.endpoints)

    def get(self, endpoint_id: str) -> Endpoint | None:
        """Return the endpoint, or None."""
        return self._store.endpoints.get(endpoint_id)

    async def claim(self, endpoint: Endpoint) -> None:
        """Remember an endpoint, and claim its configuration for it. The caller holds its lock.

        Raises:
            PluginError: another endpoint has the configuration.
            BackendError: the other endpoint's device can't be looked up or deleted.
            StoreError: the record can't be written.
        """
        name = endpoint.configuration
        while holder := self._store.holder(endpoint):
            if not await self._is_stale(holder):
                raise PluginError(
                    Code.IN_USE,
                    f"configuration {name} is in use by endpoint {holder.id:.12} of network "
                    f"{holder.network_id:.12}; a key serves one container, or one shared network",
                )
            await self._drop(holder)
        await self._store.endpoints.put(endpoint)
        if self._routers:
            await self._routers.release(name, endpoint.network_id)

    async def free_ports(self, endpoint_id: str, wanted: Sequence[PortBinding]) -> None:
        """Drop the other endpoints that have such ports, and are in no container any more.

        Raises:
            BackendError: a device can't be looked up or deleted.
            StoreError: a record can't be removed.
        """
        for other in self._store.endpoints:
            has_some = any(each.may_take(port) for each in wanted for port in other.ports)
            if has_some and other.id != endpoint_id and await self._is_stale(other):
                await self._drop(other)

    async def is_in_container(self, endpoint_id: str) -> bool:
        """Return whether an endpoint is known, and its device is in a container.

        Raises:
            BackendError: the devices can't be listed.
        """
        if self.get(endpoint_id) is None:
            return False
        return (await self._locations()).get(device_name(endpoint_id)) is Location.CONTAINER

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint and its device, if they exist. The caller holds its lock.

        Raises:
            BackendError: the device can't be deleted.
            StoreError: the record can't be removed.
        """
        endpoint = self.get(endpoint_id)
        await self._host.delete(device_name(endpoint_id))
        await self._store.endpoints.remove(endpoint_id)
        if endpoint and self._routers:
            self._routers.replan(endpoint)
        if endpoint and self._publisher:
            self._publisher.deleted(endpoint)

    async def delete_all(self, network_id: str) -> None:
        """Delete the endpoints of a network, and their devices; for errors see delete()."""
        for endpoint in self._store.endpoints:
            if endpoint.network_id == network_id:
                async with self.lock(endpoint.id):
                    await self.delete(endpoint.id)

    async def reconcile(self) -> bool:
        """Delete the devices and endpoints that Docker has forgotten.

        When a container stops, Docker moves its device back to the host and forgets it, even if the
        plugin isn't running. After a crash Docker may never delete an endpoint at all. Devices in
        containers stay.

        Returns False if an endpoint is still settling: call this again after that time.

        Raises:
            BackendError: the devices can't be listed or deleted.
            StoreError: a record can't be removed.
        """
        places = await self._locations()
        known = {device_name(endpoint.id) for endpoint in self._store.endpoints}
        for ifname, place in places.items():
            if place is Location.HOST and ifname not in known and DEVICE_NAME.fullmatch(ifname):
                await self._host.delete(ifname)
                log.warning("deleted the device %s, which no endpoint has", ifname)
        settled = True
        for endpoint in self._store.endpoints:
            found = places.get(device_name(endpoint.id))
            if found is not Location.CONTAINER:
                # Without a device, its creation was cut short with the plugin's earlier run.
                is_whole = found is Location.HOST or self._is_of_this_run(endpoint)
                if is_whole and self._is_settling(endpoint):
                    settled = False
                else:
                    await self._drop(endpoint)
        return settled

    async def _locations(self) -> Mapping[str, Location]:
        # In this order, a device that Docker moves into a container meanwhile is never missed.
        ports = await self._routers.ports() if self._routers else ()
        return dict.fromkeys(ports, Location.CONTAINER) | {**await self._host.locations()}

    async def _is_stale(self, endpoint: Endpoint) -> bool:
        # Docker may still be setting up an endpoint that this run of the plugin created.
        if self._is_of_this_run(endpoint) and self._is_settling(endpoint):
            return False
        return not await self.is_in_container(endpoint.id)

    async def _drop(self, endpoint: Endpoint) -> None:
        async with self.lock(endpoint.id):
            if self.get(endpoint.id) is endpoint:
                await self.delete(endpoint.id)
                log.warning("dropped endpoint %.12s, whose device is in no container", endpoint.id)

    def _is_of_this_run(self, endpoint: Endpoint) -> bool:
        return endpoint.created.since(self._started) >= 0

    def _is_settling(self, endpoint: Endpoint) -> bool:
        return self.now().since(endpoint.created) < self._settling
