"""The desired state of one WireGuard device: what its files say, and where its peers are."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.model.attachment import device_config
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import DeviceConfig, Key, SocketAddress
from wgplugin.model.hub import present
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.peers import log_trying_again
from wgplugin.networks.services import Services

log = logging.getLogger(__name__)


class Desired:
    """Files with errors leave it as it was, and are noted as a condition."""

    def __init__(
        self,
        configuration: str,
        network_id: str,
        services: Services,
        conditions: Conditions,
        plan: Callable[[Files], None],
        accept: Callable[[Files], Awaitable[None]],
    ) -> None:
        """Begin with nothing. ``plan`` is called with files that were read; it raises PluginError
        if they can't be followed. So does ``accept``, which is called before with edited ones.
        """
        self.network_id = network_id
        self.version = ""
        """The version of the files that were read, or are to be read."""
        self.files: Files | None = None
        """The files that were read last, without errors."""
        self.device: DeviceConfig | None = None
        """The whole configuration of the device; None as long as it isn't known."""
        self.mtu: int | None = None
        """The device's MTU in bytes; None to leave it as it was made."""
        self.moved: frozenset[Key] = frozenset()
        """The peers whose endpoint was edited since the device was in line."""
        self._configuration = configuration
        self._services = services
        self._conditions = conditions
        self._follow = plan
        self._accept = accept
        self._is_read = False
        self._is_located = False

    @property
    def peers(self) -> tuple[PeerSection, ...]:
        """The peers of the file; none if it was never read."""
        return self.files.config.peers if self.files else ()

    @property
    def settings(self) -> Settings:
        """The plugin's own settings, as they were read with the files."""
        return self.files.settings if self.files else Settings()

    def is_edited(self, version: str) -> bool:
        """Take note of the files' present version; return whether they must be read again."""
        if version == self.version:
            return False
        self.version, self._is_read = version, False
        return True

    def expire(self, wall: float) -> bool:
        """Leave out the peers that have expired; return whether there was one.

        The files aren't read, as they may have mistakes by now. ``wall``: seconds since 1970.
        """
        files = self.files
        if files is None or files.until is None or wall < files.until:
            return False
        found = present(files.config, wall)
        self._is_located = False
        return self._plan(replace(files, config=found.config, until=found.until), "not planned")

    def take(self, files: Files, device: DeviceConfig) -> None:
        """Take over files that were read, and the configuration that the device was made with."""
        self.version, self.device = files.version, device
        self._is_read = self._is_located = True
        self._plan(files, "not planned")

    def accept(self, files: Files) -> None:
        """Take over files that were read, for a device that isn't there yet.

        Raises:
            PluginError: they can't be followed.
        """
        self._follow(files)
        self.files, self.version = files, files.version
        self._is_read, self._is_located = True, False

    async def read(self) -> None:
        """Read the files, and plan what follows from them."""
        self._is_read = True
        before = self.files
        try:
            files = await self._services.folder.read(self._configuration)
            await self._accept(files)
        except PluginError as error:
            self._conditions.note(Condition.FILES, f"refused: {error}")
            return
        if self._plan(files, "refused"):
            self.version = files.version
            self.moved |= _moved(before.config if before else None, files.config)
            self._is_located = False
            self._conditions.note(Condition.FILES)

    async def update(self) -> None:
        """Read the files if they were edited, and find the peers of the file.

        Raises:
            BackendError: the kernel refuses to tell an MTU.
        """
        if not self._is_read:
            await self.read()
        if self.files is None or self._is_located:
            return
        files, peers = self.files, self._services.peers
        found = await peers.locate(self.network_id, files.config, files.settings.resolve_timeout)
        log_trying_again(found.errors)
        self.mtu = await peers.mtu(self.network_id, files.config, found.addresses.values())
        self.device = device_config(files.config, found.addresses)
        self._is_located = True

    def move(self, section: PeerSection, address: SocketAddress) -> None:
        """Take note that a peer of the file is at another address now."""
        if self.device:
            peers = (
                replace(peer, endpoint=address) if peer.public_key == section.public_key else peer
                for peer in self.device.peers
            )
            self.device = replace(self.device, peers=tuple(peers))

    def _plan(self, files: Files, refused: str) -> bool:
        try:
            self._follow(files)
        except PluginError as error:
            self._conditions.note(Condition.FILES, f"{refused}: {error}")
            return False
        self.files = files
        return True


def _moved(before: InterfaceConfig | None, after: InterfaceConfig) -> frozenset[Key]:
    """Return the peers whose endpoint was edited."""
    if before is None:
        return frozenset()
    old = {peer.public_key: peer.endpoint for peer in before.peers}
    return frozenset(
        peer.public_key for peer in after.peers if old.get(peer.public_key) != peer.endpoint
    )
