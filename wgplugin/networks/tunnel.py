"""One tunnel in its container, in the live edition: kept as its files say, from join to leave.

There is one desired state, and one step that compares it with what is there and does the
difference. Setting up, an edit, repair and another attempt are all that step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from zlib import crc32

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError, PluginError
from wgplugin.model import namespace
from wgplugin.model.backends import Applied, Container, Observed, Unseen
from wgplugin.model.configuration import PeerSection
from wgplugin.model.device import DeviceConfig, PeerConfig, SocketAddress, short
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.desired import Desired
from wgplugin.networks.drift import Drift
from wgplugin.networks.guard import Guard
from wgplugin.networks.pauses import Pauses
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.schedule import Schedule
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.vitals import Vitals
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

GONE = f"its device is gone from the container [{Code.NO_DEVICE}]"
LEFT = f"its container is gone [{Code.NO_DEVICE}]"
CLOSED = f"connect it again, or restart it to open it [{Code.STAYS_CLOSED}]"

SET_UP, RELOADED, PUT_RIGHT = "set up", "reloaded", "put right"


class Tunnel:
    """A tunnel that is in a container, or on its way there.

    Whatever fails is in the log and in `error`, and is tried again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sandbox: Sandbox,
        services: Services,
        *,
        arrived: bool = False,
    ) -> None:
        """Keep the tunnel of an endpoint in its sandbox.

        ``arrived``: Docker is known to be done with it.
        """
        self.endpoint = endpoint
        self.sandbox = sandbox
        self.expected: tuple[Prefix, ...] = ()
        """The destinations of the routes that Docker sets in the container."""
        self.is_ready = asyncio.Event()
        """Set once the tunnel has been set up."""
        self.device = device_name(endpoint.id)
        """Its device's name on the host."""
        self._services = services
        self._conditions = Conditions(self)
        self._desired = Desired(endpoint, sandbox, services, self._conditions)
        self._vitals = Vitals(endpoint, services, self._conditions, self._move)
        self._guard = Guard(self._conditions)
        timings, now = services.timings, services.clock.monotonic()
        self._drift = Drift(Pauses(timings.observe, timings.retry_longest))
        self._schedule = Schedule(
            now + _share(endpoint.id) * timings.observe_soon,
            Pauses(timings.retry_first, timings.retry_longest),
        )
        self._late_at = now + timings.device_late
        self._woken = asyncio.Event()
        self._arrived = arrived
        self._closed = False
        self._work = RELOADED if arrived else SET_UP
        sandbox.enter(self.device, self.wake, is_coming=not arrived)

    def __str__(self) -> str:
        return f"endpoint {self.endpoint.id:.12} ({self.endpoint.configuration})"

    @property
    def error(self) -> str:
        """What is wrong with the tunnel; empty if nothing is."""
        return str(self._conditions)

    def status(self) -> TunnelStatus:
        """Return how the tunnel is doing, as it was seen last."""
        vitals = self._vitals
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
        )

    def wake(self) -> None:
        """Compare the desired state with what is there, soon."""
        self._schedule.wake()
        self._woken.set()

    def edited(self, version: str) -> None:
        """Take note of the present version of the files, and read them if it is a new one."""
        if self._desired.is_edited(version):
            self._work = RELOADED if self._arrived else SET_UP
            self._schedule.wake(at_once=True)
            self._woken.set()

    def take(self, files: Files, device: DeviceConfig) -> None:
        """Plan the tunnel as these files say, whose configuration its device has."""
        self._desired.take(files, device)

    async def read(self) -> None:
        """Read the files, and plan the tunnel; its device may have another configuration."""
        await self._desired.read()

    async def block_exits(self, routes: Iterable[DockerRoute]) -> bool:
        """Close all ways out of the container but the tunnel, which isn't there yet.

        Returns whether that was done: the container's namespace may not be there yet either. If
        not, Docker must set the ``routes``.
        """
        plan = self._desired.plan
        owns = plan is None or plan.own_table
        try:
            container = await self.sandbox.open()
            if plan and owns and container:
                others = await container.block_exits(plan)
                self._closed = True
                await self._guard.stand(container, plan, others)
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not closed yet: {error}")
        if owns and not self._closed:
            self.expected = tuple(route.destination for route in routes)
        return self._closed

    def note_early_start(self) -> None:
        """Take note that the container starts, though its tunnel isn't set up."""
        late = f"the container starts without it after {self._services.timings.set_up:g} s"
        self._conditions.note(Condition.LATE, f"not set up yet: {late} [{Code.NOT_SET_UP}]")

    async def run(self) -> None:
        """Keep the tunnel as it should be, until cancelled."""
        now, schedule = self._services.clock.monotonic, self._schedule
        while True:
            self._woken.clear()
            if schedule.begin_attempt(now()):
                reached = await self._attempt()
                schedule.end_attempt(now(), reached=reached)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(schedule.pause(now())):
                    await self._woken.wait()

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the tunnel."""
        return self._schedule.is_look_due(now)

    def look(self) -> Container | None:
        """Begin a look; return the container to look in, None if the tunnel isn't there."""
        now = self._services.clock.monotonic()
        self._schedule.looked(now, self._vitals.pace())
        if not self._arrived and now >= self._late_at:
            late = f"no device came within {self._services.timings.device_late:g} s"
            self._conditions.note(Condition.LATE, f"not set up: {late} [{Code.NO_DEVICE}]")
        container = self.sandbox.container if self._arrived else None
        if container is None:
            self._lose(LEFT if self.sandbox.is_gone else "")
        return container

    def see(self, seen: Observed | Unseen | BackendError) -> None:
        """Take note of what a look has shown, and tell what has happened to the tunnel."""
        try:
            self._see(seen)
        except Exception:
            log.exception("%s: can't be looked at [%s]", self, Code.FAILED)

    def _see(self, seen: Observed | Unseen | BackendError) -> None:
        if isinstance(seen, BackendError):
            self._conditions.note(Condition.DEVICE, str(seen))
        elif seen is Unseen.GONE:
            self._lose(GONE)
        elif isinstance(seen, Observed):
            self._conditions.note(Condition.DEVICE)
            self._vitals.see(seen, self)
            self._vitals.search(self._desired.peers, self._desired.settings)
            self._compare(seen)

    async def end(self) -> None:
        """Take out of the container what was put there, but for the device; or leave it closed.

        A container that goes on would send everything by its other networks, unless the tunnels
        beside this one have its prefixes, too. What isn't known to be open stays closed.
        """
        plan = self._desired.plan
        self.leave()
        others = self.sandbox.plans()
        if plan and (plan.opens or not namespace.only_in(plan, others)):
            await self._clear()
            return
        try:
            container = await self.sandbox.open()
            if container and plan:
                await self._close(container, plan)
        except PluginError as error:
            log.warning("%s: %s", self, error)
            return
        if container:
            log.info("%s: a container that goes on stays closed; %s", self, CLOSED)

    async def _close(self, container: Container, plan: Plan) -> None:
        """Leave what closes the container; without a DNS server it is there already."""
        networks = self._guard.others
        if networks is None:
            networks = await container.block_exits(plan)
        elif plan.dns is None:
            return
        await container.apply_firewall(replace(plan, closed=True), networks)

    async def withdraw(self) -> None:
        """Take everything out of a container that the tunnel hasn't reached."""
        self.leave()
        await self._clear()

    def leave(self) -> None:
        """Look after the tunnel no more; change nothing in its container."""
        self._vitals.end_search()
        self.sandbox.leave(self.device)

    async def _clear(self) -> None:
        try:
            if container := await self.sandbox.open():
                await container.clear(self.device, network_number(self.endpoint.network_id))
        except PluginError as error:
            log.warning("%s: %s", self, error)

    async def _attempt(self) -> bool:
        """Try to reach the desired state; return False, and note why, if it must be tried again."""
        try:
            return await self._converge()
        except PluginError as error:
            self._conditions.note(Condition.SETTING_UP, f"not set up: {error}")
        except Exception:
            log.exception("%s: failed unexpectedly [%s]", self, Code.FAILED)
        return False

    async def _converge(self) -> bool:
        """Take the one step to the desired state; return False if it must be tried again."""
        await self._desired.update()
        plan, device = self._desired.plan, self._desired.device
        container = await self.sandbox.open()
        if plan is None or device is None or container is None:
            return True
        applied = await container.apply(
            plan,
            device,
            self._desired.moved,
            expected=self.expected,
            arrived=self._arrived,
        )
        if applied.ready:
            self._note_applied(applied)
        if applied.ready or self._closed:
            await self._guard.stand(container, plan, applied.others)
        if applied.ready:
            self.is_ready.set()
        return self._guard.stands or not applied.ready

    def _note_applied(self, applied: Applied) -> None:
        if self._work != PUT_RIGHT:
            self._vitals.note_configured()
        if self._work != PUT_RIGHT or applied.done:
            done = ", ".join(applied.done) or "nothing to change"
            log.info("%s: %s%s", self._work, self, "" if self._work == SET_UP else f": {done}")
        self._work, self._arrived, self.expected = PUT_RIGHT, True, ()
        self.sandbox.has_come(self.device)
        self._desired.moved = frozenset()
        self._conditions.note(Condition.SETTING_UP)
        self._conditions.note(Condition.LATE)

    def _compare(self, observed: Observed) -> None:
        """Have everything put right if somebody else has changed the device or nftables."""
        if not observed.guarded:
            self._guard.fall()
            self.wake()
        wanted, now = self._desired.device, self._services.clock.monotonic()
        if wanted and self._drift.is_due(observed.device, wanted, now):
            self.wake()

    def _lose(self, trouble: str) -> None:
        self._vitals.lose()
        self._conditions.note(Condition.DEVICE, trouble)

    async def _move(self, section: PeerSection, address: SocketAddress) -> None:
        """Set the endpoint of a peer that was found, if it still is one."""
        container, key = self.sandbox.container, section.public_key
        peer = next((each for each in self._vitals.peers if each.public_key == key), None)
        if not (container and peer and section in self._desired.peers):
            return
        self._desired.move(section, address)
        change = DeviceConfig(peers=(PeerConfig(key, endpoint=address),))
        if await container.configure(self.device, change) and peer.endpoint is None:
            log.info("%s: peer %s is found: %s", self, short(key), address)


def _share(endpoint_id: str) -> float:
    """Return a number from 0 to 1, by which the looks at many tunnels are spread over time."""
    return crc32(endpoint_id.encode()) / 0xFFFFFFFF
