"""A shared network's router, in the live edition: kept as its files say, as long as the network is.

There is one desired state, and one step that compares it with what is there and does the
difference. Making it, an edit, repair and another attempt are all that step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.backends import HostKernel, Observed, RouterApplied, RouterKernel, Unseen
from wgplugin.model.backends import Router as Namespace
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.device import DeviceConfig
from wgplugin.model.hub import summed_up
from wgplugin.model.identity import device_name
from wgplugin.model.router import RouterPlan
from wgplugin.model.without_ipv6 import Families
from wgplugin.networks import planning
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.followers import Followers
from wgplugin.networks.keeper import Keeper
from wgplugin.networks.modes import tunnel_settings
from wgplugin.networks.name_service import NameService
from wgplugin.networks.router_seats import RouterSeats
from wgplugin.networks.router_space import RouterSpace
from wgplugin.networks.seats import Seats
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.uplink import Uplink
from wgplugin.state.records import Endpoint, Network

log = logging.getLogger(__name__)

Given = tuple[Network, list[Endpoint], InterfaceConfig, Settings, Families]

GONE = f"the router's WireGuard device is gone [{Code.NO_DEVICE}]"

MADE, FOUND, RELOADED, SWITCHED, PUT_RIGHT = "made", "found", "reloaded", "switched", "put right"


class Router:
    """The router of one network. What fails is in the log and in `error`, and is tried again."""

    def __init__(
        self,
        network: Network,
        services: Services,
        kernel: RouterKernel,
        host: HostKernel,
        seats: Seats | None,
        *,
        found: bool = False,
    ) -> None:
        """Keep the router of a network, whose claims ``seats`` has.

        ``found``: it is there from before the plugin's start.
        """
        self._known = network
        self.network_id = self.id = network.id
        self.device = device_name(network.id)
        """Its WireGuard device's name on the host."""
        self.members = Followers()
        """The containers that follow its files."""
        self.files_of_members: Files | None = None
        """The files as far as they concern containers: a hub's peers come and go without them."""
        self._services = services
        self.conditions = Conditions(self)
        self._keeper = Keeper(self._converge, self.conditions, services.clock, services.timings)
        self._plan: RouterPlan | None = None
        self.space = RouterSpace(
            network.id,
            self.device,
            kernel,
            host,
            services.timings,
            subject=self,
            wake=self._keeper.wake,
        )
        self._lock = asyncio.Lock()
        self._is_made = found
        self._work = FOUND if found else MADE
        self._seats = RouterSeats(lambda: self._network, seats)
        self.uplink = Uplink(self, services)
        self._names = NameService(network.configuration_in_use, self.members)

    def __str__(self) -> str:
        return f"router of network {self.network_id:.12} ({self.configuration})"

    @property
    def configuration(self) -> str:
        """The name of its configuration."""
        return self._network.configuration_in_use

    @property
    def why(self) -> str:
        """Why it has this configuration, for the user."""
        return self._network.why

    @property
    def is_made(self) -> bool:
        """Whether the router was made, and not deleted."""
        return self._is_made

    @property
    def files(self) -> Files | None:
        """The files that were read last, without errors."""
        return self.uplink.desired.files

    @property
    def mtu(self) -> int | None:
        """The MTU of all links, in bytes; None to leave them as they are."""
        return self.uplink.desired.mtu

    @property
    def error(self) -> str:
        """What is wrong; empty if nothing is."""
        return str(self.conditions)

    def status(self) -> TunnelStatus:
        """Return how the router and its containers are doing, as they were seen last."""
        vitals = self.uplink.watch.vitals
        return TunnelStatus(
            endpoint="",
            network=self.network_id,
            configuration=self.configuration,
            health=vitals.health,
            interface=vitals.observed.ifname if vitals.observed else "",
            configured=vitals.configured or None,
            error=self.error,
            peers=vitals.peer_statuses(),
            containers=tuple(member.status() for member in self.members),
            pool=self.uplink.pool,
            since=self._network.since or None,
            why=self._network.why,
            switches=self.uplink.switches,
        )

    async def attach(self, endpoint: Endpoint, files: Files) -> None:
        """Make a veth for a container, and the router unless it is there.

        ``files`` were just read; they count if none were read before.

        Raises:
            PluginError: the container can't be attached; a router that wasn't there isn't then.
        """
        async with self._lock:
            if not self._is_made:
                # It may have another configuration of its pool than last time.
                self.uplink.begin_anew()
                await self._make(files)
            elif self._plan is None:
                self.uplink.desired.accept(files)
                await self._step()
            elif planning.is_in_router(endpoint) and self.files:
                self.follow_files(self.files)
                await self._step()
            namespace = await self.space.open()
            plan = self._present_plan()
            if plan is None:
                message = f"the router of the network isn't set up: {self.error}"
                raise PluginError(Code.NOT_SET_UP, message)
            await namespace.attach(device_name(endpoint.id), endpoint.mac_address, plan)

    def replan(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint of the network was deleted, or has lost its ports."""
        if planning.is_in_router(endpoint) and self.files:
            with contextlib.suppress(PluginError):
                self.follow_files(self.files)
            self._keeper.wake()

    async def ports(self) -> frozenset[str]:
        """Return the names on the host of the veths that exist, wherever they are.

        Raises:
            BackendError: they can't be listed.
        """
        async with self._lock:
            return await (await self.space.open()).ports() if self._is_made else frozenset()

    async def read(self) -> None:
        """Read the files of a router that was found."""
        await self.uplink.desired.read()

    def edited(self, version: str) -> None:
        """Take note of the present version of the files, and read them if it is a new one."""
        if self.uplink.desired.is_edited(version):
            self._follow_news()

    def check_date(self, wall: float) -> None:
        """End the peers that have expired; ``wall`` is in seconds since 1970."""
        if self.uplink.desired.expire(wall):
            self._follow_news()

    def check(self, configuration: str, files: Files) -> None:
        """Check that the router can be switched to a configuration with these files.

        Raises:
            PluginError: it can't.
        """
        network = msgspec.structs.replace(self._network, chosen=configuration)
        planning.router(*self._given(network, files), mtu=None)

    def is_free(self, configuration: str) -> bool:
        """Return whether no other network has a configuration."""
        return self._seats.is_free(configuration)

    async def switch(self, configuration: str, files: Files, why: str) -> None:
        """Claim a configuration, and take it in the place of the present one.

        ``files`` were just read and checked.

        Raises:
            PluginError: it can't be had, or the router is gone; nothing has changed.
        """
        async with self._lock:
            if not self._is_made:
                raise PluginError(Code.NO_SUCH_TUNNEL, f"{self} is gone")
            await self._seats.claim(configuration, files, why)
            self._work = SWITCHED
            self.uplink.take(files)
        self._keeper.wake(at_once=True)

    async def answers(
        self, configuration: str, files: Files, ask: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Return what ``ask`` returns while a configuration is kept for this network.

        Raises:
            PluginError: another network has it.
        """
        return await self._seats.answers(configuration, files, ask)

    def place(self) -> Namespace | None:
        """Return its namespace, None if that isn't open."""
        return self.space.namespace

    def follow_files(self, files: Files) -> None:
        """Plan what the files say; raise PluginError if they can't be followed."""
        self._plan = planning.router(*self._given(self._network, files), mtu=None)
        config = summed_up(files.config, self.settings_by(files))
        self.files_of_members = replace(files, config=config, version="", until=None)

    async def accept(self, files: Files) -> None:
        """Take over edited files; raise PluginError if another network has their key."""
        if self.uplink.pool:
            await self._seats.accept(files)

    def drifted(self, guarded: bool) -> None:
        """Take note that somebody has changed the router."""
        self._keeper.wake()

    def settings_by(self, files: Files) -> TunnelSettings:
        """Return the tunnel's settings."""
        return tunnel_settings(self._network, files.settings, self.configuration)

    async def run(self) -> None:
        """Keep the router as it should be, until cancelled."""
        await self._keeper.run()

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the router."""
        return self.uplink.watch.is_due(now)

    def look(self) -> Namespace | None:
        """Begin a look; return the namespace to look in, None if it isn't open."""
        self.uplink.watch.begin()
        return self.space.namespace

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown; a device that is gone is made anew."""
        self.uplink.watch.see(seen, GONE)
        if seen is Unseen.GONE:
            self._keeper.wake()

    def close(self) -> None:
        """Let go of the router, which stays."""
        self.uplink.watch.end()
        self._names.close()
        self.space.close()

    async def delete(self) -> None:
        """Delete the router with its devices.

        Raises:
            BackendError: the kernel refuses.
        """
        async with self._lock:
            self._is_made = False
            self.uplink.watch.end()
            self._names.close()
            await self.space.delete()

    def _follow_news(self) -> None:
        if not self.uplink.is_switching:
            self._work = RELOADED
        self._keeper.wake(at_once=True)

    async def _make(self, files: Files) -> None:
        self.uplink.desired.accept(files)
        self._is_made = True
        try:
            await self.uplink.desired.update()
            if self.uplink.desired.device:
                await self._bring(self.uplink.desired.device)
            await self._step()
        except BaseException:
            self._is_made = False
            self.uplink.watch.end()
            try:
                await self.space.delete()
            except BackendError as error:
                log.error("%s: after a refused container: %s", self, error)
            raise

    async def _bring(self, device: DeviceConfig) -> None:
        try:
            await self.space.bring(self.uplink.desired.mtu or 0, device)
        except BackendError as error:
            message = f"{self.configuration}.conf: {error.message}"
            raise BackendError(error.code, message) from None

    async def _converge(self) -> bool:
        async with self._lock:
            if self._is_made:
                await self._step()
                return await self._serve_names()
        return True

    async def _serve_names(self) -> bool:
        """Serve names to a hub's peers, or nobody; return whether that is done."""
        namespace, plan, files = self.space.namespace, self._plan, self.files
        if not (namespace and plan and files and plan.hub):
            self._names.close()
            self.conditions.note(Condition.NAMES)
            return True
        hub, gateways = files.config.hub, plan.gateways
        try:
            await self._names.follow(namespace, gateways, hub.dns if hub else ())
        except BackendError as error:
            self.conditions.note(Condition.NAMES, str(error))
            return False
        self.conditions.note(Condition.NAMES)
        return True

    async def _step(self) -> None:
        """Take the one step to the desired state."""
        await self.uplink.desired.update()
        plan, device = self._present_plan(), self.uplink.desired.device
        if plan is None or device is None:
            return
        namespace = await self.space.open()
        applied = await namespace.apply(plan, device, self.uplink.desired.moved)
        if not applied.ready:
            await self._bring(device)
            applied = await namespace.apply(plan, device)
        self._note_applied(applied)
        if self.uplink.pool:
            await self._seats.agree(self)

    def _note_applied(self, applied: RouterApplied) -> None:
        self.uplink.note_applied(is_news=self._work != PUT_RIGHT)
        if self._work != PUT_RIGHT or applied.done:
            done = ", ".join(applied.done) or "nothing to change"
            log.info("%s: %s%s", self._work, self, "" if self._work == MADE else f": {done}")
        self._work = PUT_RIGHT
        self.conditions.note(Condition.SETTING_UP)
        if self.files_of_members:
            self.members.tell(self.files_of_members, self.mtu)

    def _present_plan(self) -> RouterPlan | None:
        return self._plan and replace(self._plan, mtu=self.uplink.desired.mtu)

    @property
    def _network(self) -> Network:
        """The network's record; as it was, if it is deleted."""
        self._known = self._services.networks.get(self.network_id) or self._known
        return self._known

    def _given(self, network: Network, files: Files) -> Given:
        services = self._services
        endpoints = [each for each in services.endpoints if each.network_id == network.id]
        return (network, endpoints, files.config, files.settings, services.families)
