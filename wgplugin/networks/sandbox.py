"""A tunnel's part of its container's network namespace, which Docker calls a sandbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.backends import Observed
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import Prefix
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.services import Services
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

GONE = "its device is gone from the container"
NOT_GUARDED = "neither DNS, replies past the tunnel nor bound sockets are taken care of"


class Sandbox:
    """Applies plans of one tunnel, one at a time; after its end() nothing more is applied."""

    def __init__(self, endpoint: Endpoint, services: Services, conditions: Conditions) -> None:
        """Work in the sandbox of ``endpoint``; failures of nftables are noted in ``conditions``."""
        self._key = endpoint.sandbox
        self._device = device_name(endpoint.id)
        self._owner = network_number(endpoint.network_id)
        self._containers = services.containers
        self._conditions = conditions
        self._lock = asyncio.Lock()
        self._applied: Plan | None = None
        self._guarded: Plan | None = None
        self._others: frozenset[OtherNetwork] | None = None
        self.is_over = False

    @property
    def is_set_up(self) -> bool:
        """Whether a plan has been applied."""
        return self._applied is not None

    async def block_exits(self, plan: Plan) -> bool:
        """Close all ways out but the tunnel, whose device isn't there yet; return if it was done.

        Raises:
            PluginError: the kernel refuses.
        """
        async with self._lock:
            closed = plan.own_table and await self._containers.block_exits(self._key, plan)
            if closed:
                await self._guard(plan)
            return closed

    async def has_device(self, routes: Collection[Prefix]) -> bool:
        """Return whether Docker is done with the device, and with these routes.

        Raises:
            PluginError: the kernel refuses.
        """
        return await self._containers.is_moved(self._key, self._device, routes)

    async def apply(
        self, plan: Plan, config: DeviceConfig | None = None, moved: Collection[Key] = ()
    ) -> list[str]:
        """Bring the sandbox in line with a plan; return the changes. See ContainerKernel.apply().

        Raises:
            PluginError: the kernel refuses, or the device is gone.
        """
        async with self._lock:
            if self.is_over:
                raise PluginError(Code.NO_DEVICE, "the container is going")
            done = await self._containers.apply(self._key, plan, config, moved)
            if done is None:
                raise PluginError(Code.NO_DEVICE, GONE)
            self._applied = replace(plan, mtu=None)
            if self._applied != self._guarded:
                await self._guard(self._applied)
            return done

    async def observe(self) -> Observed | None:
        """Return the tunnel's present state; None if it is gone. Take note of other networks.

        Raises:
            PluginError: the kernel refuses.
        """
        observed = await self._containers.observe(self._key, self._device)
        async with self._lock:
            if observed and self._applied and observed.others != self._others and not self.is_over:
                await self._guard(self._applied)
        return observed

    async def configure(self, choose: Callable[[], DeviceConfig | None]) -> bool:
        """Make the change of the device that is chosen once no plan is being applied, if any.

        Returns whether one was made.

        Raises:
            PluginError: the kernel refuses.
        """
        async with self._lock:
            change = None if self.is_over else choose()
            if change is None:
                return False
            return await self._containers.configure(self._key, self._device, change)

    async def end(self, plan: Plan | None) -> None:
        """Take out what was put there, but for the device; or leave it closed by ``plan``.

        Raises:
            PluginError: the kernel refuses.
        """
        self.is_over = True
        async with self._lock:
            if plan:
                await self._containers.apply_firewall(self._key, replace(plan, closed=True))
            else:
                await self._containers.clear(self._key, self._device, self._owner)

    async def _guard(self, plan: Plan) -> None:
        lacking = ""
        try:
            self._others = await self._containers.apply_firewall(self._key, plan)
            self._guarded = plan
        except PluginError as error:
            lacking = f"{NOT_GUARDED}: {error}"
        self._conditions.note(Condition.FIREWALL, lacking)
