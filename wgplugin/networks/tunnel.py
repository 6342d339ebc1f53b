"""One tunnel in its container, in the live edition: finished, changed, looked at and mended."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial
from ipaddress import ip_interface, ip_network
from time import time as now

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.conf.parser import InterfaceConfig, PeerSection
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.model.addresses import choose
from wgplugin.model.attachment import container_plan, device_config, needs_sink_address
from wgplugin.model.backends import Sandboxes, Sight
from wgplugin.model.device import DeviceConfig, Key, PeerConfig, SocketAddress, short
from wgplugin.model.namespace import Plan
from wgplugin.model.routes import Network, sink_address
from wgplugin.networks.claims import device_name
from wgplugin.networks.health import Health, events, health
from wgplugin.networks.peers import Peers
from wgplugin.networks.reresolve import Search, Sought
from wgplugin.networks.status import TunnelStatus, peer_status
from wgplugin.state import records
from wgplugin.state.records import Endpoint
from wgplugin.state.store import Records

log = logging.getLogger(__name__)

PATIENCE = 60.0
"""The seconds that Docker has to put a device into its container after a join."""

GLANCE = 0.02
"""The seconds between looks for a device that is on its way."""

SETTLED = 2
"""How often a file must be seen the same before it is read: an editor may be half done."""

GONE = "its device is gone from the container"


class Concern(Enum):
    """What can be wrong with a tunnel, each by itself."""

    SETTING_UP = auto()
    FILES = auto()
    DEVICE = auto()
    PEERS = auto()
    FILTER = auto()


@dataclass(frozen=True, slots=True)
class Means:
    """What a tunnel is kept with."""

    folder: ConfigFolder
    networks: Records[records.Network]
    endpoints: Records[Endpoint]
    peers: Peers
    sandboxes: Sandboxes


class Tunnel:
    """A tunnel that is in a container, or on its way there.

    Whatever fails leaves the tunnel as it was, and is in the log and in `error`.
    """

    def __init__(self, endpoint: Endpoint, means: Means) -> None:
        """Keep the tunnel of an endpoint whose ``sandbox`` is known."""
        self.endpoint = endpoint
        self.sight: Sight | None = None
        self.health = Health.NEVER
        self.configured = 0.0
        """When its configuration was applied last, in seconds since 1970."""
        self._troubles: dict[Concern, str] = {}
        self._means = means
        self._device = device_name(endpoint.id)
        self._plan: Plan | None = None
        self._config: InterfaceConfig | None = None
        self._told: tuple[Network, ...] = ()
        self._version = ""
        self._seen = ("", 0)
        self._search = Search(means.peers, self._move, partial(self._tell, Concern.PEERS))
        self._over = False
        self._lock = asyncio.Lock()

    def __str__(self) -> str:
        return f"endpoint {self.endpoint.id:.12} ({self.endpoint.configuration})"

    @property
    def error(self) -> str:
        """What is wrong with the tunnel; empty if nothing is."""
        return "; ".join(filter(None, self._troubles.values()))

    def status(self) -> TunnelStatus:
        """Return how the tunnel is doing, as it was seen last."""
        peers = self.sight.device.peers if self.sight else ()
        return TunnelStatus(
            endpoint=self.endpoint.id,
            network=self.endpoint.network_id,
            configuration=self.endpoint.configuration,
            health=self.health,
            interface=self.sight.ifname if self.sight else "",
            namespace=self.endpoint.sandbox,
            configured=self.configured or None,
            error=self.error,
            peers=tuple(map(peer_status, peers)),
        )

    async def guard(self, files: Files) -> bool:
        """Close all ways out of the container but the tunnel, which isn't there yet.

        Returns whether that was done: the container's namespace may not be there yet either.
        """
        self._version = files.version
        try:
            self._config = files.config
            self._plan = self._planned(files.config, files.settings)
            self.configured = now()
            guarded = self._plan.own_table and await self._means.sandboxes.guard(
                self.endpoint.sandbox, self._plan
            )
        except PluginError as error:
            self._tell(Concern.SETTING_UP, f"not closed yet: {error}")
            guarded = False
        if not guarded and self._plan and self._plan.own_table:
            self._told = tuple(ip_network(route.destination) for route in self.endpoint.routes)
        return guarded

    async def finish(self) -> None:
        """Set up the tunnel in its container, once Docker has put the device there."""
        end = time.monotonic() + PATIENCE
        try:
            while not await self._ready():
                if time.monotonic() > end:
                    late = f"not set up: no device came within {PATIENCE:g} s [{Code.NO_DEVICE}]"
                    self._tell(Concern.SETTING_UP, late)
                    return
                await asyncio.sleep(GLANCE)
            if self._plan is None:
                await self.reload(await self._current_version())
            else:
                async with self._lock:
                    await self._apply(self._plan)
                log.info("set up: %s", self)
            self._tell(Concern.SETTING_UP)
            await self.look()
        except PluginError as error:
            self._tell(Concern.SETTING_UP, f"not set up: {error}")

    async def watch(self) -> None:
        """Apply the files if they have changed, and have stayed as they are for a moment."""
        version = await self._current_version()
        seen, times = self._seen
        self._seen = (version, times + 1 if version == seen else 1)
        if version != self._version and self._seen[1] >= SETTLED:
            await self.reload(version)

    async def reload(self, version: str) -> None:
        """Read the files and make the tunnel what they say; sessions of unchanged peers go on."""
        self._version = version
        try:
            files = await self._means.folder.read(self.endpoint.configuration)
            config = files.config
            planned = self._planned(config, files.settings)
            addresses = await self._means.peers.locate(
                self.endpoint.network_id, config, files.settings.resolve_timeout, patient=True
            )
            mtu = config.mtu or await self._means.peers.mtu(addresses.values())
            wanted = device_config(config, addresses)
            async with self._lock:
                moved = _moved(self._config, config)
                done = await self._apply(replace(planned, mtu=mtu), wanted, moved)
        except PluginError as error:
            self._tell(Concern.FILES, f"refused: {error}")
            return
        self._config, self._plan = config, planned
        self.configured = now()
        self._tell(Concern.FILES)
        log.info("reloaded: %s: %s", self, ", ".join(done) or "nothing to change")

    async def look(self) -> None:
        """See how the tunnel is doing, and tell what has happened to it."""
        try:
            sight = await self._means.sandboxes.look(self.endpoint.sandbox, self._device)
        except PluginError as error:
            self._tell(Concern.DEVICE, str(error))
            return
        if sight is None:
            if self.sight and not self._over:
                self._tell(Concern.DEVICE, f"{GONE} [{Code.NO_DEVICE}]")
            self.sight, self.health = None, Health.NEVER
            return
        self._tell(Concern.DEVICE)
        before, was = self.sight, self.health
        self.sight, self.health = sight, health(sight.device.peers, now())
        for event in events(before.device if before else None, sight.device, was, self.health):
            log.info("%s: %s", self, event)

    def silent(self, after: float) -> Sought:
        """Return the peers that it is time to look for, after so many seconds of silence."""
        if not self.sight or not self._config:
            return []
        return self._search.due(
            self._config.peers, self.sight.device.peers, self.configured, now(), after
        )

    def search(self, settings: Settings) -> None:
        """Begin to look where silent peers are now, unless that is going on."""
        self._search.begin(self.silent(settings.re_resolve_after), now(), settings.resolve_timeout)

    async def end(self) -> None:
        """Take out of the container what was put there, but for the device."""
        self._over = True
        self._search.end()
        async with self._lock:
            try:
                await self._means.sandboxes.clear(self.endpoint.sandbox, self._device)
            except PluginError as error:
                log.warning("%s: %s", self, error)

    async def _current_version(self) -> str:
        return await asyncio.to_thread(self._means.folder.version, self.endpoint.configuration)

    async def _ready(self) -> bool:
        return await self._means.sandboxes.ready(self.endpoint.sandbox, self._device, self._told)

    def _planned(self, config: InterfaceConfig, settings: Settings) -> Plan:
        endpoint = self.endpoint
        network = self._means.networks.get(endpoint.network_id)
        options = (network.tunnel if network else {}, endpoint.tunnel)
        tunnel = settings.tunnel(endpoint.configuration).override(*options)
        if (tunnel.default == "gateway") != bool(endpoint.gateways) and self._plan:
            message = "wireguard-default counts at the container's next start"
            raise PluginError(Code.NEXT_START, message)
        own = tuple(map(ip_interface, endpoint.addresses)) or config.addresses
        file_name = f"{endpoint.configuration}.conf"
        addresses = choose(file_name, own, endpoint.assigned, several=True)
        if needs_sink_address(config, addresses, tunnel):
            addresses += (sink_address(endpoint.id),)
        return container_plan(self._device, config, addresses, tunnel)

    async def _apply(
        self, plan: Plan, config: DeviceConfig | None = None, moved: set[Key] | None = None
    ) -> list[str]:
        """Bring the container in line; the lock is held.

        Raises:
            PluginError: the kernel refuses, or the device is gone.
        """
        if self._over:
            raise PluginError(Code.NO_DEVICE, "the container is going")
        sandboxes, key = self._means.sandboxes, self.endpoint.sandbox
        done = await sandboxes.apply(key, plan, config, moved or set())
        if done is None:
            raise PluginError(Code.NO_DEVICE, GONE)
        lacking = ""
        try:
            await sandboxes.filter(key, plan)
        except PluginError as error:
            lacking = f"neither DNS nor answers past the tunnel are set up: {error}"
        self._tell(Concern.FILTER, lacking)
        return done

    async def _move(self, section: PeerSection, address: SocketAddress) -> None:
        change = PeerConfig(section.public_key, endpoint=address)
        async with self._lock:
            peers = self.sight.device.peers if self.sight else ()
            peer = next((peer for peer in peers if peer.public_key == section.public_key), None)
            known = self._config and section in self._config.peers
            if self._over or not peer or not known or peer.endpoint == address:
                return
            await self._means.sandboxes.configure(
                self.endpoint.sandbox, self._device, DeviceConfig(peers=(change,))
            )
            if peer.endpoint is None:
                log.info("%s: peer %s is found: %s", self, short(section.public_key), address)

    def _tell(self, concern: Concern, trouble: str = "") -> None:
        """Note what is wrong with one thing, or that nothing is; what is new goes to the log."""
        if trouble and trouble != self._troubles.get(concern):
            log.warning("%s: %s", self, trouble)
        self._troubles[concern] = trouble


def _moved(before: InterfaceConfig | None, after: InterfaceConfig) -> set[Key]:
    """Return the peers whose endpoint was edited."""
    if before is None:
        return set()
    old = {peer.public_key: peer.endpoint for peer in before.peers}
    return {peer.public_key for peer in after.peers if old.get(peer.public_key) != peer.endpoint}
