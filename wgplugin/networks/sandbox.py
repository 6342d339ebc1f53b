"""A container's network namespace, which Docker calls a sandbox, and its tunnels' places in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from wgplugin.model.backends import Container, ContainerKernel
from wgplugin.model.namespace import Plan
from wgplugin.model.order import arrange
from wgplugin.networks.follow import follow
from wgplugin.timings import Timings

Wake = Callable[[], None]


@dataclass(slots=True)
class _Member:
    wake: Wake
    is_coming: bool
    plan: Plan | None = None


class Sandbox:
    """The namespace is open from its first use until Docker takes it away, or close()."""

    def __init__(self, key: str, containers: ContainerKernel, timings: Timings) -> None:
        """Stand for the namespace of this key, which may not be there yet."""
        self.key = key
        self._containers = containers
        self._timings = timings
        self._members: dict[str, _Member] = {}
        self._opening = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self._is_closed = False
        self.container: Container | None = None
        """The open namespace, if it is open."""
        self.is_gone = False
        """Whether Docker has taken the namespace away."""

    async def open(self) -> Container | None:
        """Open the namespace unless it is open; return None if it isn't there.

        Raises:
            BackendError: it can't be entered.
        """
        async with self._opening:
            if self.container is None:
                found = await self._containers.open(self.key)
                if found and self._is_closed:
                    found.close()
                elif found:
                    self.container, self.is_gone = found, False
                    self._following = asyncio.create_task(self._follow(found))
        return self.container

    def close(self) -> None:
        """Let go of the namespace for good."""
        self._is_closed = True
        self._let_go()

    def check(self) -> None:
        """Let go of the namespace if Docker has taken it away; wake all, as it may have come."""
        if self.container and not self._containers.is_open_still(self.container):
            self._let_go()
            self.is_gone = True
        elif self.container:
            return
        self._wake_all()

    def enter(self, device: str, wake: Wake, *, is_coming: bool) -> None:
        """Add a tunnel, by its device's name; ``wake`` is called when much may have changed.

        ``is_coming``: Docker is about to bring the device; notices of it are taken up at once.
        """
        self._members[device] = _Member(wake, is_coming)

    def has_come(self, device: str) -> None:
        """Take note that a device is there."""
        if member := self._members.get(device):
            member.is_coming = False

    def leave(self, device: str) -> None:
        """Remove a tunnel; the others get new places."""
        if self._members.pop(device, None):
            self._arrange()

    def is_empty(self) -> bool:
        """Return whether no tunnel is here."""
        return not self._members

    def put(self, plan: Plan) -> None:
        """Set the plan of a tunnel that is here; all get their places, see model.order."""
        if member := self._members.get(plan.device):
            member.plan = plan
            self._arrange()

    def plan(self, device: str) -> Plan | None:
        """Return a tunnel's plan, with its place among the others; None if it has none yet."""
        member = self._members.get(device)
        return member.plan if member else None

    def plans(self) -> list[Plan]:
        """Return the plans of all tunnels that are here."""
        return [member.plan for member in self._members.values() if member.plan]

    def _arrange(self) -> None:
        for plan in arrange(self.plans()):
            member = self._members[plan.device]
            if plan != member.plan:
                member.plan = plan
                member.wake()

    def _let_go(self) -> None:
        if self._following:
            self._following.cancel()
            self._following = None
        if self.container:
            self.container.close()
            self.container = None

    def _wake_all(self) -> None:
        for member in tuple(self._members.values()):
            member.wake()

    async def _follow(self, container: Container) -> None:
        await follow(container, self.key, self._wake_all, self._timings, self._is_coming)
        self._let_go()
        self._wake_all()

    def _is_coming(self) -> bool:
        return any(member.is_coming for member in self._members.values())
