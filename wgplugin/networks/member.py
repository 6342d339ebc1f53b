"""A container on a shared network, in the live edition: its way to the router."""

from __future__ import annotations

from collections.abc import Collection

from wgplugin.conf.folder import Files
from wgplugin.errors import PluginError
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.namespace import Plan
from wgplugin.networks import planning
from wgplugin.networks.attachment import GONE, PUT_RIGHT, RELOADED, Attachment
from wgplugin.networks.conditions import Condition
from wgplugin.networks.publisher import Publisher
from wgplugin.networks.router import Router
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.services import Services
from wgplugin.networks.status import ContainerStatus
from wgplugin.state.records import Endpoint


class Member(Attachment):
    """A veth that is in a container, or on its way there.

    The kernel's notices tell of all changes, so it costs nothing as long as there are none.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sandbox: Sandbox,
        services: Services,
        publisher: Publisher,
        router: Router,
        *,
        arrived: bool = False,
    ) -> None:
        """Keep the way to ``router``, whose files count here, too; see Attachment."""
        super().__init__(endpoint, sandbox, services, publisher, arrived=arrived)
        self._services = services
        self._router = router
        router.members.add(self)
        if router.files_of_members:
            self.follow(router.files_of_members)

    def status(self) -> ContainerStatus:
        """Return how the container's part is doing."""
        endpoint = self.endpoint
        return ContainerStatus(endpoint.id, endpoint.sandbox, self.error, endpoint.published)

    def follow(self, files: Files) -> None:
        """Plan the container's part as the router's files say."""
        before = self.plan
        # It has another configuration if the router was switched.
        self.endpoint = self._services.endpoints.get(self.endpoint.id) or self.endpoint
        try:
            self.sandbox.put(self._planned(files))
        except PluginError as error:
            self.conditions.note(Condition.FILES, f"refused: {error}")
            return
        self.conditions.note(Condition.FILES)
        if self._work == PUT_RIGHT and self.plan != before:
            self._work = RELOADED
        self.keeper.wake(at_once=True)

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        """Ask Docker's resolver in the container, if that is open; see `Container`."""
        container = self.sandbox.container
        return await container.ask_names(query, seconds) if container else None

    def leave(self) -> None:
        """Look after it no more; change nothing in the container."""
        self._router.members.remove(self)
        super().leave()

    def _planned(self, files: Files) -> Plan:
        services = self._services
        network = services.networks.get(self.endpoint.network_id)
        given = (files.config, files.settings, services.families)
        return planning.plan(self.endpoint, network, *given)

    def _mtu(self) -> int | None:
        return self._router.mtu

    async def _wanted(self) -> tuple[Plan, DeviceConfig | None, Collection[Key]] | None:
        plan = self.plan
        return (plan, None, ()) if plan else None

    def _applied(self) -> None:
        self.conditions.note(Condition.DEVICE)

    def _not_there(self) -> None:
        self.conditions.note(Condition.DEVICE, GONE)
