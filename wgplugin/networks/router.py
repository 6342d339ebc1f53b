"""A shared network's router, in the live edition: kept as its files say, as long as the network is.

There is one desired state, and one step that compares it with what is there and does the
difference. Making it, an edit, repair and another attempt are all that step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.backends import HostKernel, Observed, RouterApplied, RouterKernel, Unseen
from wgplugin.model.backends import Router as Namespace
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import device_name
from wgplugin.model.router import RouterPlan
from wgplugin.networks import planning
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.desired import Desired
from wgplugin.networks.follow import follow
from wgplugin.networks.followers import Followers
from wgplugin.networks.keeper import Keeper
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.watch import Watch
from wgplugin.state.records import Endpoint, Network

log = logging.getLogger(__name__)

GONE = f"the router's WireGuard device is gone [{Code.NO_DEVICE}]"

MADE, FOUND, RELOADED, PUT_RIGHT = "made", "found", "reloaded", "put right"


class Router:
    """The router of one network. What fails is in the log and in `error`, and is tried again."""

    def __init__(
        self,
        network: Network,
        services: Services,
        kernel: RouterKernel,
        host: HostKernel,
        *,
        found: bool = False,
    ) -> None:
        """Keep the router of a network; ``found``: it is there from before the plugin's start."""
        self._network = network
        self.network_id = network.id
        self.configuration = network.configuration
        self.device = device_name(network.id)
        """Its WireGuard device's name on the host."""
        self.members = Followers()
        """The containers that follow its files."""
        self._services = services
        self._kernel = kernel
        self._host = host
        self._conditions = Conditions(self)
        self._desired = Desired(
            network.configuration, network.id, services, self._conditions, self._follow_files
        )
        self._keeper = Keeper(self._converge, self._conditions, services.clock, services.timings)
        self._watch = Watch(
            self.device,
            self._desired,
            services,
            self._conditions,
            lambda: self._namespace,
            lambda _: self._keeper.wake(),
        )
        self._plan: RouterPlan | None = None
        self._namespace: Namespace | None = None
        self._following: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._is_made = found
        self._work = FOUND if found else MADE

    def __str__(self) -> str:
        return f"router of network {self.network_id:.12} ({self.configuration})"

    @property
    def is_made(self) -> bool:
        """Whether the router was made, and not deleted."""
        return self._is_made

    @property
    def files(self) -> Files | None:
        """The files that were read last, without errors."""
        return self._desired.files

    @property
    def mtu(self) -> int | None:
        """The MTU of all links, in bytes; None to leave them as they are."""
        return self._desired.mtu

    @property
    def error(self) -> str:
        """What is wrong; empty if nothing is."""
        return str(self._conditions)

    def status(self) -> TunnelStatus:
        """Return how the router and its containers are doing, as they were seen last."""
        vitals = self._watch.vitals
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
        )

    async def attach(self, endpoint: Endpoint, files: Files) -> None:
        """Make a veth for a container, and the router unless it is there.

        ``files`` were just read; they count if none were read before.

        Raises:
            PluginError: the container can't be attached; a router that wasn't there isn't then.
        """
        async with self._lock:
            if not self._is_made:
                await self._make(files)
            elif self._plan is None:
                self._desired.accept(files)
                await self._step()
            elif planning.is_in_router(endpoint) and self.files:
                self._follow_files(self.files)
                await self._step()
            namespace = await self._opened()
            plan = self._present_plan()
            if plan is None:
                message = f"the router of the network isn't set up: {self.error}"
                raise PluginError(Code.NOT_SET_UP, message)
            await namespace.attach(device_name(endpoint.id), endpoint.mac_address, plan)

    def replan(self, endpoint: Endpoint) -> None:
        """Take note that an endpoint of the network was deleted, or has lost its ports."""
        if planning.is_in_router(endpoint) and self.files:
            with contextlib.suppress(PluginError):
                self._follow_files(self.files)
            self._keeper.wake()

    async def ports(self) -> frozenset[str]:
        """Return the names on the host of the veths that exist, wherever they are.

        Raises:
            BackendError: they can't be listed.
        """
        async with self._lock:
            return await (await self._opened()).ports() if self._is_made else frozenset()

    async def read(self) -> None:
        """Read the files of a router that was found."""
        await self._desired.read()

    def edited(self, version: str) -> None:
        """Take note of the present version of the files, and read them if it is a new one."""
        if self._desired.is_edited(version):
            self._work = RELOADED
            self._keeper.wake(at_once=True)

    async def check(self) -> None:
        """Have the router pinned again if somebody has removed its pin."""
        if self._namespace and self._is_made:
            try:
                if not await self._kernel.is_pinned(self._namespace):
                    log.warning("%s: put right: it was pinned again", self)
            except BackendError as error:
                log.warning("%s: %s", self, error)

    async def run(self) -> None:
        """Keep the router as it should be, until cancelled."""
        await self._keeper.run()

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the router."""
        return self._watch.is_due(now)

    def look(self) -> Namespace | None:
        """Begin a look; return the namespace to look in, None if it isn't open."""
        self._watch.begin()
        return self._namespace

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown; a device that is gone is made anew."""
        self._watch.see(seen, GONE)
        if seen is Unseen.GONE:
            self._keeper.wake()

    def close(self) -> None:
        """Let go of the router, which stays."""
        self._watch.end()
        if self._following:
            self._following.cancel()
            self._following = None
        if self._namespace:
            self._namespace.close()
            self._namespace = None

    async def delete(self) -> None:
        """Delete the router with its devices.

        Raises:
            BackendError: the kernel refuses.
        """
        async with self._lock:
            self._is_made = False
            self.close()
            await self._kernel.delete(self.network_id)
            await self._host.delete(self.device)

    async def _make(self, files: Files) -> None:
        self._desired.accept(files)
        self._is_made = True
        try:
            await self._desired.update()
            if self._desired.device:
                await self._bring(await self._opened(), self._desired.device)
            await self._step()
        except BaseException:
            self._is_made = False
            self.close()
            await self._undo()
            raise

    async def _undo(self) -> None:
        try:
            await self._kernel.delete(self.network_id)
            await self._host.delete(self.device)
        except BackendError as error:
            log.error("%s: after a refused container: %s", self, error)

    async def _converge(self) -> bool:
        async with self._lock:
            if self._is_made:
                await self._step()
        return True

    async def _step(self) -> None:
        """Take the one step to the desired state."""
        await self._desired.update()
        plan, device = self._present_plan(), self._desired.device
        if plan is None or device is None:
            return
        namespace = await self._opened()
        applied = await namespace.apply(plan, device, self._desired.moved)
        if not applied.ready:
            await self._bring(namespace, device)
            applied = await namespace.apply(plan, device)
        self._note_applied(applied)

    async def _opened(self) -> Namespace:
        if self._namespace is None:
            self._namespace = await self._kernel.make(self.network_id)
            self._following = asyncio.create_task(self._follow(self._namespace))
        return self._namespace

    async def _bring(self, namespace: Namespace, device: DeviceConfig) -> None:
        """Make the WireGuard device on the host, where its packets leave, and bring it in."""
        try:
            await self._host.create(self.device, self._desired.mtu or 0, device)
            await namespace.adopt(self.device)
        except BackendError as error:
            message = f"{self.configuration}.conf: {error.message}"
            raise BackendError(error.code, message) from None

    def _note_applied(self, applied: RouterApplied) -> None:
        if self._work != PUT_RIGHT:
            self._watch.vitals.note_configured()
        if self._work != PUT_RIGHT or applied.done:
            done = ", ".join(applied.done) or "nothing to change"
            log.info("%s: %s%s", self._work, self, "" if self._work == MADE else f": {done}")
        self._work = PUT_RIGHT
        self._desired.moved = frozenset()
        self._conditions.note(Condition.SETTING_UP)
        if self.files:
            self.members.tell(self.files, self.mtu)

    def _present_plan(self) -> RouterPlan | None:
        return self._plan and replace(self._plan, mtu=self._desired.mtu)

    def _follow_files(self, files: Files) -> None:
        services = self._services
        network = self._network
        endpoints = [each for each in services.endpoints if each.network_id == network.id]
        given = (network, endpoints, files.config, files.settings, services.families)
        self._plan = planning.router(*given, mtu=None)

    async def _follow(self, namespace: Namespace) -> None:
        timings = self._services.timings
        # A container that starts changes links several times, and each look is at all of them.
        await follow(namespace, self, self._keeper.wake, timings, delay=timings.router_delay)
        if self._namespace is namespace:
            self._following = None
            self.close()
            self._keeper.wake()
