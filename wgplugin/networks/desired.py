"""The desired state of one tunnel: what its files say, and where its peers are."""

from __future__ import annotations

import logging
from dataclasses import replace

from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.model.attachment import device_config
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import DeviceConfig, Key, SocketAddress
from wgplugin.model.identity import device_name
from wgplugin.model.namespace import Plan
from wgplugin.networks import planning
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.peers import log_trying_again
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.services import Services
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)


class Desired:
    """Files with errors leave it as it was, and are noted as a condition."""

    def __init__(
        self, endpoint: Endpoint, sandbox: Sandbox, services: Services, conditions: Conditions
    ) -> None:
        """Begin with nothing; the plan goes into ``sandbox``, where it gets its place."""
        self.version = ""
        """The version of the files that were read, or are to be read."""
        self.device: DeviceConfig | None = None
        """The whole configuration of the device; None as long as it isn't known."""
        self.mtu: int | None = None
        """The device's MTU in bytes; None to leave it as it was made."""
        self.moved: frozenset[Key] = frozenset()
        """The peers whose endpoint was edited since the device was in line."""
        self._endpoint = endpoint
        self._sandbox = sandbox
        self._services = services
        self._conditions = conditions
        self._files: Files | None = None
        self._is_read = False
        self._is_located = False

    @property
    def peers(self) -> tuple[PeerSection, ...]:
        """The peers of the file; none if it was never read."""
        return self._files.config.peers if self._files else ()

    @property
    def settings(self) -> Settings:
        """The plugin's own settings, as they were read with the files."""
        return self._files.settings if self._files else Settings()

    @property
    def plan(self) -> Plan | None:
        """The plan of the container's inside; None if the files were never read."""
        plan = self._sandbox.plan(device_name(self._endpoint.id))
        return plan and replace(plan, mtu=self.mtu)

    def is_edited(self, version: str) -> bool:
        """Take note of the files' present version; return whether they must be read again."""
        if version == self.version:
            return False
        self.version, self._is_read = version, False
        return True

    def take(self, files: Files, device: DeviceConfig) -> None:
        """Take over files that were read, and the configuration that the device was made with."""
        self.version, self.device = files.version, device
        self._is_read = self._is_located = True
        self._plan(files, "not planned")

    async def read(self) -> None:
        """Read the files, and plan the inside of the container."""
        self._is_read = True
        before = self._files
        try:
            files = await self._services.folder.read(self._endpoint.configuration)
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
        if self._files is None or self._is_located:
            return
        files, peers = self._files, self._services.peers
        network = self._endpoint.network_id
        found = await peers.locate(network, files.config, files.settings.resolve_timeout)
        log_trying_again(found.errors)
        self.mtu = await peers.mtu(network, files.config, found.addresses.values())
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
        endpoint, services = self._endpoint, self._services
        network = services.networks.get(endpoint.network_id)
        given = (endpoint, network, files.config, files.settings, services.families)
        try:
            plan = planning.plan(*given)
        except PluginError as error:
            self._conditions.note(Condition.FILES, f"{refused}: {error}")
            return False
        if self._files:
            for warning in planning.warnings(*given):
                log.warning("endpoint %.12s: %s", endpoint.id, warning)
        self._files = files
        self._sandbox.put(plan)
        return True


def _moved(before: InterfaceConfig | None, after: InterfaceConfig) -> frozenset[Key]:
    """Return the peers whose endpoint was edited."""
    if before is None:
        return frozenset()
    old = {peer.public_key: peer.endpoint for peer in before.peers}
    return frozenset(
        peer.public_key for peer in after.peers if old.get(peer.public_key) != peer.endpoint
    )
