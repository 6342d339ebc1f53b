"""The published ports of all containers, in the live edition: chosen, and kept on the host.

What is published is in the endpoints' records. There is one step that brings the host in line with
them. It is taken when an endpoint comes or goes, and at the kernel's notices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.backends import Published, PublishingKernel
from wgplugin.model.published import NUMBERS, PortBinding, free_number
from wgplugin.networks import ports
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.follow import follow
from wgplugin.networks.keeper import Keeper
from wgplugin.networks.services import Services
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

CURE = "choose another one, or give a second network of the same container wireguard-publish=off"


class Publisher:
    """Publishes the ports of containers; what fails is in the log and in error()."""

    def __init__(self, services: Services, kernel: PublishingKernel) -> None:
        """Leave the host alone until run()."""
        self._services = services
        self._kernel = kernel
        self._conditions = Conditions(self)
        self._of_endpoints: dict[str, Conditions] = {}
        self._keeper = Keeper(self._converge, self._conditions, services.clock, services.timings)
        self._choosing = asyncio.Lock()
        self._left_to: dict[str, tuple[str, str]] = {}
        """A port that an endpoint was left without, and the endpoint that has it."""
        self._asked = 0
        self._is_tried = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        return "published ports"

    async def publish(self, endpoint: Endpoint, wanted: Sequence[PortBinding]) -> Endpoint:
        """Choose ports of the host for an endpoint, and store them in its record, which it returns.

        Docker asks each network of a container for all of its ports. The first one publishes them.
        Another one is left without ports that the first one has; see joined().

        Raises:
            PluginError: a port is taken, or can't be published.
            StoreError: the record can't be written.
        """
        if endpoint.number or not wanted:
            return endpoint
        self._check_families(endpoint, wanted)
        self._left_to.pop(endpoint.id, None)
        async with self._choosing:
            others = [each for each in self._published() if each.id != endpoint.id]
            if found := ports.conflict(wanted, others):
                port, holder = found
                if not self._may_be_one_container(endpoint, holder, wanted):
                    raise _taken(port.of_host, holder.id)
                self._left_to[endpoint.id] = port.of_host, holder.id
                return endpoint
            taken = [port for each in others for port in each.ports]
            chosen = await self._kernel.choose(wanted, taken)
            numbers = {each.number for each in others} | await self._kernel.numbers()
            number = free_number(endpoint.id, numbers)
            if not number:
                message = f"the ports of {len(NUMBERS)} containers are published, which is the most"
                raise PluginError(Code.NOT_PUBLISHED, message)
            texts = tuple(map(str, chosen))
            endpoint = msgspec.structs.replace(endpoint, published=texts, number=number)
            await self._services.endpoints.put(endpoint)
        log.info("endpoint %.12s publishes %s", endpoint.id, ", ".join(texts))
        return endpoint

    def joined(self, endpoint: Endpoint) -> Endpoint:
        """Return the record of an endpoint that joins: without ports if another one has them.

        Raises:
            PluginError: the other one is another container's.
        """
        port, holder_id = self._left_to.pop(endpoint.id, ("", ""))
        others = (each for each in self._published() if each.id != endpoint.id)
        first = next((each for each in others if each.sandbox == endpoint.sandbox), None)
        if holder_id and first is None:
            raise _taken(port, holder_id)
        if first and (holder_id or endpoint.number):
            log.info("endpoint %.12s leaves its ports to endpoint %.12s", endpoint.id, first.id)
            return msgspec.structs.replace(endpoint, published=(), number=0)
        return endpoint

    def deleted(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint is gone."""
        if endpoint.number:
            self.wake()

    def wake(self) -> None:
        """Have the host brought in line at once."""
        self._asked += 1
        self._is_tried.clear()
        self._keeper.wake(at_once=True)

    async def tried(self) -> None:
        """Wait until the host is in line with all that it was asked for, or can't be."""
        await self._is_tried.wait()

    def error(self, endpoint_id: str) -> str:
        """Return what is wrong with the ports of an endpoint; empty if nothing is."""
        if own := self._of_endpoints.get(endpoint_id):
            return "; ".join(filter(None, map(str, (self._conditions, own))))
        return ""

    async def run(self) -> None:
        """Keep the host in line, until cancelled; what is published stays."""
        try:
            await self._keeper.run()
        finally:
            self._follow(is_needed=False)
            self._kernel.close()

    def _published(self) -> list[Endpoint]:
        return [each for each in self._services.endpoints if each.number]

    def _check_families(self, endpoint: Endpoint, wanted: Sequence[PortBinding]) -> None:
        services = self._services
        network = services.networks.get(endpoint.network_id)
        versions = ports.reached(endpoint, network, services.families)
        for each in wanted:
            if each.address and each.address.version not in versions:
                raise PluginError(
                    Code.NOT_PUBLISHED,
                    f"{each} can't be published: the container has no IPv{each.address.version} "
                    "address; leave out that of the host",
                )

    def _may_be_one_container(
        self, endpoint: Endpoint, holder: Endpoint, wanted: Sequence[PortBinding]
    ) -> bool:
        """Return whether Docker may be attaching one container to the networks of both.

        It attaches it to one after the other, and asks for the same ports.
        """
        age = self._services.clock.moment().since(holder.created)
        return (
            bool(holder.sandbox)
            and holder.network_id != endpoint.network_id
            and age < self._services.timings.settling
            and len(holder.ports) == len(wanted)
            and all(any(each.is_met_by(port) for port in holder.ports) for each in wanted)
        )

    async def _converge(self) -> bool:
        """Take the one step to what the records say."""
        asked, services = self._asked, self._services
        try:
            published = self._published()
            self._of_endpoints = {
                each.id: self._of_endpoints.get(each.id) or Conditions(_subject(each))
                for each in published
            }
            self._follow(is_needed=bool(published))
            networks, families = services.networks, services.families
            publications = [
                ports.publication(each, networks.get(each.network_id), families)
                for each in published
            ]
            found = await self._kernel.publish(publications)
            self._note(published, found)
        finally:
            if asked == self._asked:
                self._is_tried.set()
        # No notice tells when another program stops listening.
        return not found.taken

    def _note(self, published: Sequence[Endpoint], found: Published) -> None:
        if found.done:
            log.info("%s: %s", self, ", ".join(found.done))
        closed = f"{found.closed} [{Code.NOT_FORWARDED}]" if found.closed else ""
        self._conditions.note(Condition.SETTING_UP)
        self._conditions.note(Condition.FORWARDING, closed)
        for each in published:
            taken = [port.of_host for port in each.ports if port in found.taken]
            self._of_endpoints[each.id].note(Condition.PORTS, _kept(taken) if taken else "")

    def _follow(self, *, is_needed: bool) -> None:
        if is_needed and self._following is None:
            self._following = asyncio.create_task(self._follow_notices())
        elif self._following and not is_needed:
            self._following.cancel()
            self._following = None

    async def _follow_notices(self) -> None:
        timings = self._services.timings
        while True:
            # A start of a container, and of a firewall, gives many notices.
            await follow(self._kernel, self, self._keeper.wake, timings, delay=timings.router_delay)
            self._keeper.wake()


def _taken(port: str, endpoint_id: str) -> PluginError:
    message = f"port {port} of the host is that of endpoint {endpoint_id:.12}; {CURE}"
    return PluginError(Code.PORT_TAKEN, message)


def _kept(taken: Sequence[str]) -> str:
    names = f"port{'s' if len(taken) > 1 else ''} {', '.join(taken)}"
    return f"{names} of the host: used by another program, which keeps it [{Code.NOT_PUBLISHED}]"


def _subject(endpoint: Endpoint) -> str:
    return f"endpoint {endpoint.id:.12} ({endpoint.configuration})"
