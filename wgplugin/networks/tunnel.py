"""One tunnel in its container, in the live edition: set up, reloaded, observed and taken out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.model import namespace
from wgplugin.model.attachment import device_config
from wgplugin.model.backends import Observed
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import DeviceConfig, Key, Peer, PeerConfig, SocketAddress, short
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.networks import planning
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.health import Health, events, health
from wgplugin.networks.peers import log_trying_again
from wgplugin.networks.reresolve import Search, Sought
from wgplugin.networks.sandbox import GONE, Sandbox
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus, peer_status
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

SETTLED = 2
"""How often a file must be seen the same before it is read: an editor may be half done."""

CLOSED = f"connect it again, or restart it to open it [{Code.STAYS_CLOSED}]"


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
        self._sandbox = Sandbox(endpoint, services, self._conditions)
        self.planned: Plan | None = None
        """The tunnel's place among others included; None if its files have never been read."""
        self._config: InterfaceConfig | None = None
        self.expected: tuple[Prefix, ...] = ()
        """The destinations of the routes that Docker sets in the container."""
        self._version = ""
        self._seen = ("", 0)
        note_peers = partial(self._conditions.note, Condition.PEERS)
        self._search = Search(services.peers, self._move, note_peers, services.timings)

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

    def plan(self, files: Files) -> None:
        """Plan the tunnel as these files say, whose configuration its device has."""
        self._version = files.version
        try:
            self.planned = self._planned(files)
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not planned: {error}")
            return
        self._config = files.config
        self._note_configured()

    async def recall(self) -> None:
        """Plan the tunnel as its files say; its device may have another configuration."""
        # The first reload reports an error.
        with contextlib.suppress(PluginError):
            self.planned = self._planned(
                await self._services.folder.read(self.endpoint.configuration)
            )

    async def block_exits(self, routes: Iterable[DockerRoute]) -> bool:
        """Close all ways out of the container but the tunnel, which isn't there yet.

        Returns whether that was done: the container's namespace may not be there yet either. If
        not, Docker must set the ``routes``.
        """
        plan, closed = self.planned, False
        try:
            if plan:
                closed = await self._sandbox.block_exits(plan)
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not closed yet: {error}")
        if not closed and (plan is None or plan.own_table):
            self.expected = tuple(route.destination for route in routes)
        return closed

    async def finish(self) -> None:
        """Set up the tunnel in its container, once Docker has put the device there."""
        timings = self._services.timings
        end = self._services.clock.monotonic() + timings.device_comes
        try:
            while not await self._sandbox.has_device(self.expected):
                if self._services.clock.monotonic() > end:
                    late = f"not set up: no device came within {timings.device_comes:g} s"
                    self._conditions.note(Condition.SETTING_UP, f"{late} [{Code.NO_DEVICE}]")
                    return
                await asyncio.sleep(timings.glance)
            if self._config is None or self.planned is None:
                await self.reload(await self._current_version())
            else:
                await self._sandbox.apply(self.planned)
                log.info("set up: %s", self)
            self._conditions.note(Condition.SETTING_UP)
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not set up: {error}")

    async def arrange(self, plan: Plan) -> None:
        """Take the place among the container's tunnels that ``plan``, this one's, has."""
        before, self.planned = self.planned, plan
        if plan == before or not self._sandbox.is_set_up:
            return
        try:
            await self._sandbox.apply(plan)
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not set up: {error}")

    async def follow(self) -> None:
        """Notice other networks at once while a container starts: its nftables name them."""
        timings, clock = self._services.timings, self._services.clock
        end = clock.monotonic() + timings.others_come
        try:
            notices = await self._services.containers.notices(self.endpoint.sandbox)
        except PluginError as error:
            log.warning("%s: %s", self, error)
            return
        if notices is None:
            return
        try:
            await self.observe()
            while (left := end - clock.monotonic()) > 0:
                if await notices.wait(left):
                    await self.observe()
        finally:
            notices.close()

    async def watch(self) -> bool:
        """Apply the files if they have changed, and have stayed as they are for a moment.

        Returns whether they were read.
        """
        version = await self._current_version()
        seen, times = self._seen
        self._seen = (version, times + 1 if version == seen else 1)
        if version == self._version or self._seen[1] < SETTLED:
            return False
        await self.reload(version)
        return True

    async def reload(self, version: str) -> None:
        """Read the files and make the tunnel what they say; sessions of unchanged peers go on."""
        self._version = version
        try:
            files = await self._services.folder.read(self.endpoint.configuration)
            config = files.config
            planned = self._planned(files)
            found = await self._services.peers.locate(
                self.endpoint.network_id, config, files.settings.resolve_timeout
            )
            log_trying_again(found.errors)
            mtu = await self._services.peers.mtu(
                self.endpoint.network_id, config, found.addresses.values()
            )
            wanted = device_config(config, found.addresses)
            moved = _moved(self._config, config)
            done = await self._sandbox.apply(replace(planned, mtu=mtu), wanted, moved)
        except PluginError as error:
            self._conditions.note(Condition.FILES, f"refused: {error}")
            return
        self._config, self.planned = config, planned
        self._note_configured()
        self._conditions.note(Condition.FILES)
        log.info("reloaded: %s: %s", self, ", ".join(done) or "nothing to change")

    async def observe(self) -> None:
        """See how the tunnel is doing, and tell what has happened to it."""
        try:
            observed = await self._sandbox.observe()
        except PluginError as error:
            self._conditions.note(Condition.DEVICE, str(error))
            return
        if observed is None:
            if self.observed and not self._sandbox.is_over:
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

    async def end(self, beside: Iterable[Plan]) -> None:
        """Take out of the container what was put there, but for the device; or leave it closed.

        A container that goes on would send everything by its other networks, unless the tunnels
        ``beside`` this one have its prefixes, too.
        """
        self._search.end()
        plan = self.planned
        closes = plan and not plan.opens and namespace.only_in(plan, beside)
        try:
            await self._sandbox.end(plan if closes else None)
        except PluginError as error:
            log.warning("%s: %s", self, error)
            return
        if closes:
            log.info("%s: a container that goes on stays closed; %s", self, CLOSED)

    def _note_configured(self) -> None:
        self.configured = self._services.clock.wall()
        self._configured_at = self._services.clock.monotonic()

    async def _current_version(self) -> str:
        return await asyncio.to_thread(self._services.folder.version, self.endpoint.configuration)

    def _planned(self, files: Files) -> Plan:
        services, endpoint = self._services, self.endpoint
        network = services.networks.get(endpoint.network_id)
        given = (endpoint, network, files.config, files.settings, services.families)
        plan = planning.plan(*given)
        if self.planned is None:
            return plan
        for warning in planning.warnings(*given):
            log.warning("%s: %s", self, warning)
        return replace(plan, place=self.planned.place, all_names=self.planned.all_names)

    async def _move(self, section: PeerSection, address: SocketAddress) -> None:
        before = self._peer(section)

        def change() -> DeviceConfig | None:
            peer = self._peer(section)
            known = self._config and section in self._config.peers
            if not peer or not known or peer.endpoint == address:
                return None
            return DeviceConfig(peers=(PeerConfig(section.public_key, endpoint=address),))

        if await self._sandbox.configure(change) and before and before.endpoint is None:
            log.info("%s: peer %s is found: %s", self, short(section.public_key), address)

    def _peer(self, section: PeerSection) -> Peer | None:
        peers = self.observed.device.peers if self.observed else ()
        return next((peer for peer in peers if peer.public_key == section.public_key), None)


def _moved(before: InterfaceConfig | None, after: InterfaceConfig) -> set[Key]:
    """Return the peers whose endpoint was edited."""
    if before is None:
        return set()
    old = {peer.public_key: peer.endpoint for peer in before.peers}
    return {peer.public_key for peer in after.peers if old.get(peer.public_key) != peer.endpoint}
