"""A WireGuard device by its configuration, which may be switched: a container's, or a router's."""

from __future__ import annotations

import asyncio
from typing import Protocol

from wgplugin.conf.folder import Files
from wgplugin.model.attachment import probe_trouble
from wgplugin.model.configuration import Probe, TunnelSettings
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.desired import Desired
from wgplugin.networks.health import Health
from wgplugin.networks.services import Services
from wgplugin.networks.watch import Configurable, Watch


class Owner(Protocol):
    """Who keeps the device."""

    device: str
    """The device's name on the host."""
    conditions: Conditions

    @property
    def network_id(self) -> str:
        """The id of its network."""

    @property
    def configuration(self) -> str:
        """The name of its configuration."""

    def place(self) -> Configurable | None:
        """Return where the device is, None if that isn't open."""

    def follow_files(self, files: Files) -> None:
        """Plan what files say that were read; raise PluginError if they can't be followed."""

    async def accept(self, files: Files) -> None:
        """Take over edited files; raise PluginError if they can't be."""

    def drifted(self, guarded: bool) -> None:
        """Take note that somebody has changed the device; or nftables, unless ``guarded``."""

    def settings_by(self, files: Files) -> TunnelSettings:
        """Return the tunnel's settings."""


class Uplink:
    """What is wanted of the device, and how it is doing."""

    def __init__(self, owner: Owner, services: Services) -> None:
        """Begin with the owner's configuration."""
        network = services.networks.get(owner.network_id)
        self.pool = network.pool_text if network else ""
        """The text of its network's pool; empty if it has none."""
        self.switches = 0
        """How often it was switched to another configuration, in this run of the plugin."""
        self.is_switching = False
        """Whether the device may still have another configuration."""
        self._owner = owner
        self._services = services
        self._applied: asyncio.Event | None = None
        self._taken_at = 0.0
        self._begin()

    @property
    def health(self) -> Health:
        """How it is doing."""
        return self.watch.vitals.health

    @property
    def settings(self) -> TunnelSettings | None:
        """Its settings; None if its files were never read."""
        files = self.desired.files
        return self._owner.settings_by(files) if files else None

    @property
    def trouble(self) -> str:
        """Why it is down, for the user; empty if it isn't known to be."""
        if not self.is_switching:
            return self.watch.vitals.why
        age = self._services.clock.monotonic() - self._taken_at
        is_late = age >= self._services.timings.down_never
        return f"it can't be set up: {self._owner.conditions}" if is_late else ""

    def begin_anew(self) -> None:
        """Begin again, with the owner's configuration of now."""
        self.watch.end()
        self._begin()

    def take(self, files: Files) -> None:
        """Switch to the owner's configuration of now, whose files were just read and checked."""
        for part in (Condition.FILES, Condition.PEERS, Condition.PROBE, Condition.POOL):
            self._owner.conditions.note(part)
        self.begin_anew()
        self.switches += 1
        self.is_switching, self._taken_at = True, self._services.clock.monotonic()
        self._applied = asyncio.Event()
        self.desired.accept(files)

    def note_applied(self, *, is_news: bool) -> None:
        """Take note that the device is as it is wanted; ``is_news``: something else was wanted."""
        if is_news:
            self.watch.vitals.note_configured()
        self.desired.moved = frozenset()
        self.is_switching = False
        if self._applied:
            self._applied.set()

    async def applied(self) -> None:
        """Wait until the device has the configuration that was taken last."""
        if self._applied:
            await self._applied.wait()

    def _begin(self) -> None:
        owner, services = self._owner, self._services
        self.desired = Desired(
            owner.configuration,
            owner.network_id,
            services,
            owner.conditions,
            owner.follow_files,
            owner.accept,
        )
        self.watch = Watch(
            owner.device,
            self.desired,
            services,
            owner.conditions,
            owner.place,
            owner.drifted,
            self._probe,
            hurries=bool(self.pool),
        )

    def _probe(self) -> Probe | None:
        files, settings = self.desired.files, self.settings
        if not files or not settings:
            return None
        trouble = probe_trouble(files.config, settings)
        self._owner.conditions.note(Condition.NO_PROBE, trouble)
        return None if trouble else settings.probe
