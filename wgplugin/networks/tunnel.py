"""One container's own tunnel, in the live edition: its WireGuard device, and what belongs to it."""

from __future__ import annotations

from collections.abc import Collection

from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError
from wgplugin.model.backends import Container, Observed, Unseen
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.namespace import Plan
from wgplugin.networks import planning
from wgplugin.networks.attachment import GONE, LEFT, PUT_RIGHT, RELOADED, SET_UP, Attachment, log
from wgplugin.networks.desired import Desired
from wgplugin.networks.publisher import Publisher
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.watch import Watch
from wgplugin.state.records import Endpoint


class Tunnel(Attachment):
    """A tunnel that is in a container, or on its way there."""

    def __init__(
        self,
        endpoint: Endpoint,
        sandbox: Sandbox,
        services: Services,
        publisher: Publisher,
        *,
        arrived: bool = False,
    ) -> None:
        """Keep the tunnel of an endpoint in its sandbox; see Attachment."""
        super().__init__(endpoint, sandbox, services, publisher, arrived=arrived)
        self._services = services
        self._desired = Desired(
            endpoint.configuration, endpoint.network_id, services, self.conditions, self._plan
        )
        self._watch = Watch(
            self.device,
            self._desired,
            services,
            self.conditions,
            lambda: sandbox.container,
            self._drifted,
        )

    @property
    def configuration(self) -> str:
        """The name of its configuration."""
        return self.endpoint.configuration

    def status(self) -> TunnelStatus:
        """Return how the tunnel is doing, as it was seen last."""
        vitals = self._watch.vitals
        return TunnelStatus(
            endpoint=self.endpoint.id,
            network=self.endpoint.network_id,
            configuration=self.endpoint.configuration,
            health=vitals.health,
            interface=vitals.observed.ifname if vitals.observed else "",
            namespace=self.endpoint.sandbox,
            configured=vitals.configured or None,
            error=self.error,
            peers=vitals.peer_statuses(),
            published=self.endpoint.published,
        )

    def edited(self, version: str) -> None:
        """Take note of the present version of the files, and read them if it is a new one."""
        if self._desired.is_edited(version):
            self._work = RELOADED if self._arrived else SET_UP
            self.keeper.wake(at_once=True)

    async def prepare(self, coming: tuple[Files, DeviceConfig] | None = None) -> None:
        """Plan the tunnel as its files say.

        ``coming``: the files if they were just read, and the configuration that its device was
        made with. Otherwise the device may have any.
        """
        if coming:
            self._desired.take(*coming)
        else:
            await self._desired.read()

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the tunnel."""
        return self._watch.is_due(now)

    def look(self) -> Container | None:
        """Begin a look; return the container to look in, None if the tunnel isn't there."""
        self._watch.begin()
        container = self.sandbox.container if self._arrived else None
        if container is None:
            self._watch.lose(LEFT if self.sandbox.is_gone else "")
        return container

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown, and tell what has happened to the tunnel."""
        self._watch.see(seen, GONE)

    def leave(self) -> None:
        """Look after it no more; change nothing in the container."""
        self._watch.end()
        super().leave()

    def _mtu(self) -> int | None:
        return self._desired.mtu

    async def _wanted(self) -> tuple[Plan, DeviceConfig | None, Collection[Key]] | None:
        await self._desired.update()
        plan, device = self.plan, self._desired.device
        return (plan, device, self._desired.moved) if plan and device else None

    def _applied(self) -> None:
        if self._work != PUT_RIGHT:
            self._watch.vitals.note_configured()
        self._desired.moved = frozenset()

    def _not_there(self) -> None:
        """Leave it to the looks."""

    def _drifted(self, guarded: bool) -> None:
        if not guarded:
            self._guard.fall()
        self.keeper.wake()

    def _plan(self, files: Files) -> None:
        endpoint, services = self.endpoint, self._services
        network = services.networks.get(endpoint.network_id)
        given = (endpoint, network, files.config, files.settings, services.families)
        plan = planning.plan(*given)
        if self._desired.files:
            for warning in planning.warnings(*given):
                log.warning("%s: %s", self, warning)
        self.sandbox.put(plan)
