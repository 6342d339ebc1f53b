"""One tunnel in its container, in the live edition: set up, reloaded, observed and taken out."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import PluginError
from wgplugin.model.attachment import container_addresses, container_plan, device_config
from wgplugin.model.backends import Observed
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import DeviceConfig, Key, PeerConfig, SocketAddress, short
from wgplugin.model.identity import device_name
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.model.without_ipv6 import check_endpoints, left_out
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.health import Health, events, health
from wgplugin.networks.peers import log_trying_again
from wgplugin.networks.reresolve import Search, Sought
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus, peer_status
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

SETTLED = 2
"""How often a file must be seen the same before it is read: an editor may be half done."""

GONE = "its device is gone from the container"


class Tunnel:
    """A tunnel that is in a container, or on its way there.

    Whatever fails leaves the tunnel as it was, and is in the log and in `error`.
    """

    def __init__(self, endpoint: Endpoint, services: Services) -> None:
        """Keep the tunnel of an endpoint whose ``sandbox`` is known."""
        self.endpoint = endpoint
        self.observed: Observed | None = None
        self.health = Health.NEVER
        self.configured = 0.0
        """When its configuration was applied last, in seconds since 1970."""
        self._configured_at = 0.0
        self._conditions = Conditions(self)
        self._services = services
        self._device = device_name(endpoint.id)
        self._plan: Plan | None = None
        self._config: InterfaceConfig | None = None
        self._expected: tuple[Prefix, ...] = ()
        self._version = ""
        self._seen = ("", 0)
        note_peers = partial(self._conditions.note, Condition.PEERS)
        self._search = Search(services.peers, self._move, note_peers, services.timings)
        self._over = False
        self._lock = asyncio.Lock()

    def __str__(self) -> str:
        return f"endpoint {self.endpoint.id:.12} ({self.endpoint.configuration})"

    @property
    def error(self) -> str:
        """What is wrong with the tunnel; empty if nothing is."""
        return str(self._conditions)

    def status(self) -> TunnelStatus:
        """Return how the tunnel is doing, as it was seen last."""
        peers = self.observed.device.peers if self.observed else ()
        return TunnelStatus(
            endpoint=self.endpoint.id,
            network=self.endpoint.network_id,
            configuration=self.endpoint.configuration,
            health=self.health,
            interface=self.observed.ifname if self.observed else "",
            namespace=self.endpoint.sandbox,
            configured=self.configured or None,
            error=self.error,
            peers=tuple(map(peer_status, peers)),
        )

    async def block_exits(self, files: Files) -> bool:
        """Close all ways out of the container but the tunnel, which isn't there yet.

        Returns whether that was done: the container's namespace may not be there yet either.
        """
        self._version = files.version
        try:
            self._config = files.config
            self._plan = self._planned(files.config, files.settings)
            self._note_configured()
            closed = self._plan.own_table and await self._services.containers.block_exits(
                self.endpoint.sandbox, self._plan
            )
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not closed yet: {error}")
            closed = False
        if not closed and self._plan and self._plan.own_table:
            self._expected = tuple(route.destination for route in self.endpoint.route_values)
        return closed

    async def finish(self) -> None:
        """Set up the tunnel in its container, once Docker has put the device there."""
        timings = self._services.timings
        end = self._services.clock.monotonic() + timings.device_comes
        try:
            while not await self._is_moved():
                if self._services.clock.monotonic() > end:
                    late = f"not set up: no device came within {timings.device_comes:g} s"
                    self._conditions.note(Condition.SETTING_UP, f"{late} [{Code.NO_DEVICE}]")
                    return
                await asyncio.sleep(timings.glance)
            if self._plan is None:
                await self.reload(await self._current_version())
            else:
                async with self._lock:
                    await self._apply(self._plan)
                log.info("set up: %s", self)
            self._conditions.note(Condition.SETTING_UP)
            await self.observe()
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not set up: {error}")

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
            files = await self._services.folder.read(self.endpoint.configuration)
            config = files.config
            planned = self._planned(config, files.settings)
            found = await self._services.peers.locate(
                self.endpoint.network_id, config, files.settings.resolve_timeout
            )
            log_trying_again(found.errors)
            mtu = await self._services.peers.mtu(
                self.endpoint.network_id, config, found.addresses.values()
            )
            wanted = device_config(config, found.addresses)
            async with self._lock:
                moved = _moved(self._config, config)
                done = await self._apply(replace(planned, mtu=mtu), wanted, moved)
        except PluginError as error:
            self._conditions.note(Condition.FILES, f"refused: {error}")
            return
        self._config, self._plan = config, planned
        self._note_configured()
        self._conditions.note(Condition.FILES)
        log.info("reloaded: %s: %s", self, ", ".join(done) or "nothing to change")

    async def observe(self) -> None:
        """See how the tunnel is doing, and tell what has happened to it."""
        try:
            observed = await self._services.containers.observe(self.endpoint.sandbox, self._device)
        except PluginError as error:
            self._conditions.note(Condition.DEVICE, str(error))
            return
        if observed is None:
            if self.observed and not self._over:
                self._conditions.note(Condition.DEVICE, f"{GONE} [{Code.NO_DEVICE}]")
            self.observed, self.health = None, Health.NEVER
            return
        self._conditions.note(Condition.DEVICE)
        before, was = self.observed, self.health
        self.observed = observed
        self.health = health(observed.device.peers, self._services.clock.wall())
        for event in events(before.device if before else None, observed.device, was, self.health):
            log.info("%s: %s", self, event)

    def silent(self, after: float) -> Sought:
        """Return the peers that it is time to look for, after so many seconds of silence."""
        if not self.observed or not self._config:
            return []
        clock = self._services.clock
        now = clock.monotonic()
        return self._search.due(
            self._config.peers,
            self.observed.device.peers,
            configured=now - self._configured_at,
            now=now,
            wall=clock.wall(),
            after=after,
        )

    def search(self, settings: Settings) -> None:
        """Begin to look where silent peers are now, unless that is going on."""
        now = self._services.clock.monotonic()
        self._search.begin(self.silent(settings.re_resolve_after), now, settings.resolve_timeout)

    async def end(self) -> None:
        """Take out of the container what was put there, but for the device."""
        self._over = True
        self._search.end()
        async with self._lock:
            try:
                await self._services.containers.clear(self.endpoint.sandbox, self._device)
            except PluginError as error:
                log.warning("%s: %s", self, error)

    def _note_configured(self) -> None:
        self.configured = self._services.clock.wall()
        self._configured_at = self._services.clock.monotonic()

    async def _current_version(self) -> str:
        return await asyncio.to_thread(self._services.folder.version, self.endpoint.configuration)

    async def _is_moved(self) -> bool:
        return await self._services.containers.is_moved(
            self.endpoint.sandbox, self._device, self._expected
        )

    def _planned(self, config: InterfaceConfig, settings: Settings) -> Plan:
        endpoint = self.endpoint
        network = self._services.networks.get(endpoint.network_id)
        options = (network.tunnel if network else {}, endpoint.tunnel)
        tunnel = override(settings.tunnel(endpoint.configuration), *options)
        if (tunnel.default == "gateway") != bool(endpoint.gateways) and self._plan:
            message = "wireguard-default counts at the container's next start"
            raise PluginError(Code.NEXT_START, message)
        file_name, families = f"{endpoint.configuration}.conf", self._services.families
        check_endpoints(file_name, config, families)
        addresses = container_addresses(
            file_name,
            config,
            tunnel,
            endpoint.id,
            endpoint.own_addresses,
            endpoint.assigned_addresses,
            families,
        )
        if self._plan:
            for warning in left_out(file_name, config, tunnel, families, endpoint.own_addresses):
                log.warning("%s: %s", self, warning)
        return container_plan(self._device, config, addresses, tunnel, families)

    async def _apply(
        self, plan: Plan, config: DeviceConfig | None = None, moved: set[Key] | None = None
    ) -> list[str]:
        """Bring the container in line; the lock is held.

        Raises:
            PluginError: the kernel refuses, or the device is gone.
        """
        if self._over:
            raise PluginError(Code.NO_DEVICE, "the container is going")
        containers, key = self._services.containers, self.endpoint.sandbox
        done = await containers.apply(key, plan, config, moved or set())
        if done is None:
            raise PluginError(Code.NO_DEVICE, GONE)
        lacking = ""
        try:
            await containers.apply_firewall(key, plan)
        except PluginError as error:
            lacking = f"neither DNS nor answers past the tunnel are set up: {error}"
        self._conditions.note(Condition.FIREWALL, lacking)
        return done

    async def _move(self, section: PeerSection, address: SocketAddress) -> None:
        change = PeerConfig(section.public_key, endpoint=address)
        async with self._lock:
            peers = self.observed.device.peers if self.observed else ()
            peer = next((peer for peer in peers if peer.public_key == section.public_key), None)
            known = self._config and section in self._config.peers
            if self._over or not peer or not known or peer.endpoint == address:
                return
            await self._services.containers.configure(
                self.endpoint.sandbox, self._device, DeviceConfig(peers=(change,))
            )
            if peer.endpoint is None:
                log.info("%s: peer %s is found: %s", self, short(section.public_key), address)


def _moved(before: InterfaceConfig | None, after: InterfaceConfig) -> set[Key]:
    """Return the peers whose endpoint was edited."""
    if before is None:
        return set()
    old = {peer.public_key: peer.endpoint for peer in before.peers}
    return {peer.public_key for peer in after.peers if old.get(peer.public_key) != peer.endpoint}
