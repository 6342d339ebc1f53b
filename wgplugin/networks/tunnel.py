"""One container's own tunnel, in the live edition: its WireGuard device, and what belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import BackendError, PluginError, StoreError
from wgplugin.model.backends import Container, Observed, Unseen
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.namespace import Plan
from wgplugin.model.without_ipv6 import Families
from wgplugin.networks import planning
from wgplugin.networks.attachment import (
    GONE,
    LEFT,
    PUT_RIGHT,
    RELOADED,
    SET_UP,
    SWITCHED,
    Attachment,
    log,
)
from wgplugin.networks.publisher import Publisher
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.seats import Seats
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.uplink import Uplink
from wgplugin.state.records import Endpoint, Network

Given = tuple[Endpoint, Network | None, InterfaceConfig, Settings, Families]


class Tunnel(Attachment):
    """A tunnel that is in a container, or on its way there."""

    def __init__(
        self,
        endpoint: Endpoint,
        sandbox: Sandbox,
        services: Services,
        publisher: Publisher,
        seats: Seats,
        *,
        arrived: bool = False,
    ) -> None:
        """Keep the tunnel of an endpoint, whose claims ``seats`` has; see Attachment."""
        super().__init__(endpoint, sandbox, services, publisher, arrived=arrived)
        self._services = services
        self._seats = seats
        self._releasing: asyncio.Task[None] | None = None
        self.uplink = Uplink(self, services)

    @property
    def id(self) -> str:
        """The id of its endpoint."""
        return self.endpoint.id

    @property
    def network_id(self) -> str:
        """The id of its network."""
        return self.endpoint.network_id

    @property
    def configuration(self) -> str:
        """The name of its configuration."""
        return self.endpoint.configuration

    @property
    def why(self) -> str:
        """Why it has this configuration, for the user."""
        return self.endpoint.why

    def status(self) -> TunnelStatus:
        """Return how the tunnel is doing, as it was seen last."""
        vitals, endpoint = self.uplink.watch.vitals, self.endpoint
        return TunnelStatus(
            endpoint=endpoint.id,
            network=endpoint.network_id,
            configuration=endpoint.configuration,
            health=vitals.health,
            interface=vitals.observed.ifname if vitals.observed else "",
            namespace=endpoint.sandbox,
            configured=vitals.configured or None,
            error=self.error,
            peers=vitals.peer_statuses(),
            published=endpoint.published,
            pool=self.uplink.pool,
            since=endpoint.since or None,
            why=endpoint.why,
            switches=self.uplink.switches,
        )

    def edited(self, version: str) -> None:
        """Take note of the present version of the files, and read them if it is a new one."""
        if self.uplink.desired.is_edited(version):
            self._follow_news()

    def check_date(self, wall: float) -> None:
        """End the peers that have expired; ``wall`` is in seconds since 1970."""
        if self.uplink.desired.expire(wall):
            self._follow_news()

    async def prepare(self, coming: tuple[Files, DeviceConfig] | None = None) -> None:
        """Plan the tunnel as its files say.

        ``coming``: the files if they were just read, and the configuration that its device was
        made with. Otherwise the device may have any.
        """
        if coming:
            self.uplink.desired.take(*coming)
        else:
            await self.uplink.desired.read()

    def check(self, configuration: str, files: Files) -> None:
        """Check that the tunnel can be switched to a configuration with these files.

        Raises:
            PluginError: it can't.
        """
        changed = msgspec.structs.replace(self.endpoint, configuration=configuration)
        planning.plan(*self._given(changed, files))

    def is_free(self, configuration: str) -> bool:
        """Return whether no other endpoint has a configuration."""
        return self._seats.is_free(self.endpoint, configuration)

    async def switch(self, configuration: str, files: Files, why: str) -> None:
        """Claim a configuration, and take it in the place of the present one.

        ``files`` were just read and checked.

        Raises:
            PluginError: it can't be had, or the container is gone; nothing has changed.
        """
        async with self._seats.lock(self.id):
            pool = self._expect_kept().pool
            record = await self._seats.claim(self.endpoint, configuration, files, why, pool)
            self._expect_kept()
            self.endpoint, self._work = record, SWITCHED
            self._turn += 1
            self.uplink.take(files)
        self.keeper.wake(at_once=True)

    async def answers(
        self, configuration: str, files: Files, ask: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Return what ``ask`` returns while a configuration is kept for this tunnel.

        Raises:
            PluginError: another endpoint has it.
        """
        pool = self._expect_kept().pool
        return await self._seats.answers(self.endpoint, configuration, files, pool, ask)

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the tunnel."""
        return self.uplink.watch.is_due(now)

    def look(self) -> Container | None:
        """Begin a look; return the container to look in, None if the tunnel isn't there."""
        watch = self.uplink.watch
        watch.begin()
        container = self.sandbox.container if self._arrived else None
        if container is None:
            watch.lose(LEFT if self.sandbox.is_gone else "")
        return container

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown, and tell what has happened to the tunnel."""
        self.uplink.watch.see(seen, GONE)

    def leave(self) -> None:
        """Look after it no more; change nothing in the container."""
        self.uplink.watch.end()
        super().leave()

    def place(self) -> Container | None:
        """Return the container, None if it isn't open."""
        return self.sandbox.container

    def follow_files(self, files: Files) -> None:
        """Plan what the files say; raise PluginError if they can't be followed."""
        given = self._given(self.endpoint, files)
        plan = planning.plan(*given)
        if self.uplink.desired.files:
            for warning in planning.warnings(*given):
                log.warning("%s: %s", self, warning)
        self.sandbox.put(plan)

    async def accept(self, files: Files) -> None:
        """Take over edited files; raise PluginError if another container has their key."""
        network = self._network()
        if self.uplink.pool and network:
            await self._seats.accept(self.endpoint, files, network.pool)

    def drifted(self, guarded: bool) -> None:
        """Take note that somebody has changed the device; or nftables, unless ``guarded``."""
        if not guarded:
            self._guard.fall()
        self.keeper.wake()

    def settings_by(self, files: Files) -> TunnelSettings:
        """Return the tunnel's settings."""
        return planning.settings_of(self.endpoint, self._network(), files.settings)

    def _follow_news(self) -> None:
        if not self.uplink.is_switching:
            self._work = RELOADED if self._arrived else SET_UP
        self.keeper.wake(at_once=True)

    def _mtu(self) -> int | None:
        return self.uplink.desired.mtu

    async def _wanted(self) -> tuple[Plan, DeviceConfig | None, Collection[Key]] | None:
        desired = self.uplink.desired
        await desired.update()
        plan, device = self.plan, desired.device
        return (plan, device, desired.moved) if plan and device else None

    def _applied(self) -> None:
        self.uplink.note_applied(is_news=self._work != PUT_RIGHT)
        if self.endpoint.former:
            self._releasing = asyncio.create_task(self._release())

    async def _release(self) -> None:
        """Give up the claims to what the device had before."""
        async with self._seats.lock(self.id):
            if self.is_kept and not self.uplink.is_switching:
                try:
                    self.endpoint = await self._seats.release(self.endpoint)
                except StoreError as error:
                    log.warning("%s: %s", self, error)

    def _not_there(self) -> None:
        """Leave it to the looks."""

    def _expect_kept(self) -> Network:
        network = self._network()
        if not self.is_kept or network is None:
            raise PluginError(Code.NO_SUCH_TUNNEL, f"{self}: its container is gone")
        return network

    def _network(self) -> Network | None:
        return self._services.networks.get(self.endpoint.network_id)

    def _given(self, endpoint: Endpoint, files: Files) -> Given:
        return (endpoint, self._network(), files.config, files.settings, self._services.families)
