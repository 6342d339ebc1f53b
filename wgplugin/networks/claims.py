"""Docker's endpoints: each one's claim to a configuration, and the location of its device.

A WireGuard key serves one container, so an endpoint claims its configuration until it is deleted,
as it does the ports that it publishes. That deletion may never come. So an endpoint loses its
claims if its device is in no container after the time that Docker needs to put it there
(Timings.settling).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

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
        self.wall = clock.wall
        self._started = clock.moment()
        self._settling = timings.settling
        # Configurations that are tried for an endpoint, which hasn't claimed them yet.
        self._tried: dict[str, Endpoint] = {}
        self._freeing: set[str] = set()

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
            if not await self.is_stale(holder):
                raise _in_use(name, holder)
            await self._drop(holder)
        if holder := self._tried_for(endpoint):
            raise _in_use(name, holder)
        await self._store.endpoints.put(endpoint)
        if self._routers:
            await self._routers.release(name, endpoint.network_id)

    def holder(self, configuration: str, endpoint_id: str, network_id: str) -> Endpoint | None:
        """Return another endpoint that has a configuration, or is trying it; or None.

        ``endpoint_id``, ``network_id``: of the endpoint that asks.
        """
        asking = Endpoint(
            id=endpoint_id, network_id=network_id, configuration=configuration, created=self.now()
        )
        return self._store.holder(asking) or self._tried_for(asking)

    @contextmanager
    def trying(self, endpoint: Endpoint, configuration: str) -> Iterator[None]:
        """Keep a configuration for an endpoint in the block, besides its claims, in memory alone.

        Raises:
            PluginError: another endpoint has it.
        """
        if holder := self.holder(configuration, endpoint.id, endpoint.network_id):
            raise _in_use(configuration, holder)
        self._tried[configuration] = endpoint
        try:
            yield
        finally:
            del self._tried[configuration]

    async def free(self, configurations: Collection[str], endpoint_id: str) -> None:
        """Drop the other endpoints that have such configurations, and are in no container any more.

        The caller holds the lock of ``endpoint_id``.

        Raises:
            BackendError: the devices can't be listed, or one can't be deleted.
            StoreError: a record can't be removed.
        """
        holders = [
            each
            for each in self._store.endpoints
            if each.id != endpoint_id and not each.claims.isdisjoint(configurations)
        ]
        settled = [each for each in holders if not self._is_new(each)]
        self._freeing.add(endpoint_id)
        try:
            places = await self._locations() if settled else {}
            for each in settled:
                is_inside = places.get(device_name(each.id)) is Location.CONTAINER
                # Of two that start again at once, each would wait for the other's lock.
                if not is_inside and each.id not in self._freeing:
                    await self._drop(each)
        finally:
            self._freeing.discard(endpoint_id)

    async def switch(self, endpoint: Endpoint, configuration: str, why: str) -> Endpoint:
        """Claim another configuration for an endpoint; return its record, which is stored.

        The present one stays claimed until release(), as the device still has it. ``why`` is for
        the user. The caller holds the endpoint's lock.

        Raises:
            PluginError: another endpoint has the configuration; see claim().
        """
        changed = msgspec.structs.replace(
            endpoint,
            configuration=configuration,
            former=tuple(sorted(endpoint.claims - {configuration})),
            since=self.wall(),
            why=why,
        )
        await self.claim(changed)
        return changed

    async def release(self, endpoint: Endpoint) -> Endpoint:
        """Give up the claims to an endpoint's former configurations; return the stored record.

        The caller holds the endpoint's lock.

        Raises:
            StoreError: the record can't be written.
        """
        changed = msgspec.structs.replace(endpoint, former=())
        await self._store.endpoints.put(changed)
        return changed

    async def free_ports(self, endpoint_id: str, wanted: Sequence[PortBinding]) -> None:
        """Drop the other endpoints that have such ports, and are in no container any more.

        Raises:
            BackendError: a device can't be looked up or deleted.
            StoreError: a record can't be removed.
        """
        for other in self._store.endpoints:
            has_some = any(each.may_take(port) for each in wanted for port in other.ports)
            if has_some and other.id != endpoint_id and await self.is_stale(other):
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

    async def is_stale(self, endpoint: Endpoint) -> bool:
        """Return whether an endpoint is in no container, nor on its way to one.

        Raises:
            BackendError: the devices can't be listed.
        """
        return not self._is_new(endpoint) and not await self.is_in_container(endpoint.id)

    def _is_new(self, endpoint: Endpoint) -> bool:
        # Docker may still be setting up an endpoint that this run of the plugin created.
        return self._is_of_this_run(endpoint) and self._is_settling(endpoint)

    def _tried_for(self, endpoint: Endpoint) -> Endpoint | None:
        tried = (self._tried.get(name) for name in endpoint.claims)
        # What is tried for a shared network's router is tried for its endpoints.
        own = (endpoint.id, endpoint.network_id)
        return next((each for each in tried if each and each.id not in own), None)

    async def _drop(self, endpoint: Endpoint) -> None:
        async with self.lock(endpoint.id):
            if self.get(endpoint.id) is endpoint:
                await self.delete(endpoint.id)
                log.warning("dropped endpoint %.12s, whose device is in no container", endpoint.id)

    def _is_of_this_run(self, endpoint: Endpoint) -> bool:
        return endpoint.created.since(self._started) >= 0

    def _is_settling(self, endpoint: Endpoint) -> bool:
        return self.now().since(endpoint.created) < self._settling


def _in_use(configuration: str, holder: Endpoint) -> PluginError:
    return PluginError(
        Code.IN_USE,
        f"configuration {configuration} is in use by endpoint {holder.id:.12} of network "
        f"{holder.network_id:.12}; a key serves one container, or one shared network",
    )
