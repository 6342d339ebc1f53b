"""A network's part in one container, kept as it is planned, from join to leave (live edition).

There is one plan, and one step that compares it with what is there and does the difference.
Setting up, an edit, repair and another attempt are all that step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import namespace
from wgplugin.model.backends import Applied, Container
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.guard import Guard
from wgplugin.networks.keeper import Keeper
from wgplugin.networks.publisher import Publisher
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.services import Services
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

GONE = f"its device is gone from the container [{Code.NO_DEVICE}]"
LEFT = f"its container is gone [{Code.NO_DEVICE}]"
CLOSED = f"connect it again, or restart it to open it [{Code.STAYS_CLOSED}]"

SET_UP, RELOADED, SWITCHED, PUT_RIGHT = "set up", "reloaded", "switched", "put right"


class Attachment(ABC):
    """A network that is in a container, or on its way there.

    Whatever fails is in the log and in `error`, and is tried again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sandbox: Sandbox,
        services: Services,
        publisher: Publisher,
        *,
        arrived: bool = False,
    ) -> None:
        """Keep the network of an endpoint in its sandbox; ``publisher`` has its ports.

        ``arrived``: Docker is known to be done with it.
        """
        self.endpoint = endpoint
        self.sandbox = sandbox
        self.expected: tuple[Prefix, ...] = ()
        """The destinations of the routes that Docker sets in the container."""
        self.is_ready = asyncio.Event()
        """Set once the network has been set up in the container."""
        self.device = device_name(endpoint.id)
        """Its device's name on the host."""
        self.is_kept = True
        """Whether it is looked after: until Docker takes the container off the network."""
        self.conditions = Conditions(self)
        self.keeper = Keeper(self._converge, self.conditions, services.clock, services.timings)
        self._publisher = publisher
        self._timings = services.timings
        self._guard = Guard(self.conditions)
        self._arrived = arrived
        self._closed = False
        self._work = RELOADED if arrived else SET_UP
        self._turn = 0
        self._lateness: asyncio.TimerHandle | None = None
        sandbox.enter(self.device, self.keeper.wake, is_coming=not arrived)

    def __str__(self) -> str:
        return f"endpoint {self.endpoint.id:.12} ({self.endpoint.configuration})"

    @property
    def error(self) -> str:
        """What is wrong; empty if nothing is."""
        of_ports = self._publisher.error(self.endpoint.id)
        return "; ".join(filter(None, (str(self.conditions), of_ports)))

    @property
    def plan(self) -> Plan | None:
        """The plan of the container's inside; None if the files were never read."""
        plan = self.sandbox.plan(self.device)
        return plan and replace(plan, mtu=self._mtu())

    async def block_exits(self, routes: Iterable[DockerRoute]) -> bool:
        """Close all ways out of the container but the tunnel, which isn't there yet.

        Returns whether that was done: the container's namespace may not be there yet either. If
        not, Docker must set the ``routes``.
        """
        plan = self.plan
        owns = plan is None or plan.own_table
        try:
            container = await self.sandbox.open()
            if plan and owns and container:
                await self._shut(container, plan)
        except PluginError as error:
            self.conditions.note(Condition.SETTING_UP, f"not closed yet: {error}")
        if owns and not self._closed:
            self.expected = tuple(route.destination for route in routes)
        return self._closed

    def note_early_start(self) -> None:
        """Take note that the container starts, though its network isn't set up."""
        late = f"the container starts without it after {self._timings.set_up:g} s"
        self.conditions.note(Condition.LATE, f"not set up yet: {late} [{Code.NOT_SET_UP}]")

    async def run(self) -> None:
        """Keep the network in the container as it should be, until cancelled."""
        if not self._arrived:
            loop = asyncio.get_running_loop()
            self._lateness = loop.call_later(self._timings.device_late, self._note_late)
        try:
            await self.keeper.run()
        finally:
            self._expect_no_longer()

    async def end(self) -> None:
        """Take out of the container what was put there, but for the device; or leave it closed.

        A container that goes on would send everything by its other networks, unless the tunnels
        beside this one have its prefixes, too. What isn't known to be open stays closed.
        """
        plan = self.plan
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

    async def withdraw(self) -> None:
        """Take everything out of a container that the tunnel hasn't reached."""
        self.leave()
        await self._clear()

    def leave(self) -> None:
        """Look after it no more; change nothing in the container."""
        self.sandbox.leave(self.device)

    @abstractmethod
    def _mtu(self) -> int | None:
        """Return the device's MTU in bytes; None to leave it as it was made."""

    @abstractmethod
    async def _wanted(self) -> tuple[Plan, DeviceConfig | None, Collection[Key]] | None:
        """Return the plan, the device's configuration and its moved peers; None if not known yet.

        A veth has no configuration. May raise PluginError.
        """

    @abstractmethod
    def _applied(self) -> None:
        """Take note that what was wanted is so."""

    @abstractmethod
    def _not_there(self) -> None:
        """Take note that a device that had come isn't there."""

    async def _close(self, container: Container, plan: Plan) -> None:
        """Leave what closes the container; without a DNS server it is there already."""
        networks = self._guard.others
        if networks is None:
            networks = await container.block_exits(plan)
        elif plan.dns is None:
            return
        await container.apply_firewall(replace(plan, closed=True), networks)

    async def _clear(self) -> None:
        try:
            if container := await self.sandbox.open():
                await container.clear(self.device, network_number(self.endpoint.network_id))
        except PluginError as error:
            log.warning("%s: %s", self, error)

    async def _converge(self) -> bool:
        """Take the one step to the desired state; return False if it must be tried again."""
        turn = self._turn
        wanted = await self._wanted()
        container = await self.sandbox.open()
        if wanted is None or container is None:
            return True
        plan, device, moved = wanted
        try:
            applied = await container.apply(
                plan, device, moved, expected=self.expected, arrived=self._arrived
            )
        except PluginError:
            await self._hold(container, plan)
            raise
        if turn != self._turn:
            # Something else is wanted by now.
            return False
        if applied.ready:
            self._note_applied(applied)
        elif self._arrived:
            self._not_there()
        if not applied.guarded:
            self._guard.fall()
        if applied.ready or self._closed:
            await self._guard.stand(container, plan, applied.others)
        if applied.ready:
            self.is_ready.set()
        return self._guard.stands or not applied.ready

    async def _hold(self, container: Container, plan: Plan) -> None:
        """Close a container that can't be set up, with all networks that it has by now.

        Programs can pass over Docker's routes. Whether somebody has changed nftables isn't known.
        """
        if plan.own_table:
            self._guard.fall()
            with contextlib.suppress(PluginError):
                await self._shut(container, plan)

    async def _shut(self, container: Container, plan: Plan) -> None:
        others = await container.block_exits(plan)
        self._closed = True
        await self._guard.stand(container, plan, others)

    def _note_applied(self, applied: Applied) -> None:
        is_news = self._work != PUT_RIGHT
        self._applied()
        if is_news or applied.done:
            done = ", ".join(applied.done) or "nothing to change"
            log.info("%s: %s%s", self._work, self, "" if self._work == SET_UP else f": {done}")
        if self.endpoint.number and applied.done:
            self._publisher.wake()
        self._work, self._arrived, self.expected = PUT_RIGHT, True, ()
        self.sandbox.has_come(self.device)
        self._expect_no_longer()
        self.conditions.note(Condition.SETTING_UP)
        self.conditions.note(Condition.LATE)

    def _note_late(self) -> None:
        late = f"no device came within {self._timings.device_late:g} s"
        self.conditions.note(Condition.LATE, f"not set up: {late} [{Code.NO_DEVICE}]")

    def _expect_no_longer(self) -> None:
        if self._lateness:
            self._lateness.cancel()
            self._lateness = None
