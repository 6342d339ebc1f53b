"""Routers without a kernel: RouterKernel whose routers are values."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.memory_containers import NO_DEVICE, changed
from tests.memory_host import MemoryHost
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model.backends import Observed, Router, RouterApplied
from wgplugin.model.configuration import Probe
from wgplugin.model.device import Device, DeviceConfig, Key, diff
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import Link
from wgplugin.model.router import RouterPlan


@dataclass(eq=False)
class Space:
    """A router: its WireGuard device if it has one, what was planned last, and the veths."""

    device: Device | None = None
    plan: RouterPlan | None = None
    ports: dict[str, str] = field(default_factory=dict)
    """The MAC addresses of the veths, by their names on the host."""
    guarded: bool = True
    links: dict[str, Link] = field(default_factory=dict)
    """Its link, if it has one."""
    listening: tuple[frozenset[IPAddress], int] = frozenset(), 0
    """The addresses and the port that listen() was called with last."""
    open: list["MemoryRouter"] = field(default_factory=list)

    def give_notice(self) -> None:
        """Tell all who listen that something has changed."""
        for each in self.open:
            each.notice.set()


@dataclass
class MemoryRouters:
    """Keeps routers by a network's id; every method named in ``failing`` fails, in ``hanging``
    never ends.

    ``pins`` are the networks whose router is found by make().
    """

    host: MemoryHost
    spaces: dict[str, Space] = field(default_factory=dict)
    pins: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    silent: set[Probe] = field(default_factory=set)
    """What doesn't answer to probes."""
    linked: Callable[[], None] = lambda: None
    """Called when a link has been made, whose other end is on the host."""

    async def check(self) -> None:
        await self.obey("check")

    async def networks(self) -> frozenset[str]:
        await self.obey("networks")
        return frozenset(self.pins)

    async def make(self, network_id: str) -> Router:
        await self.obey("make")
        if network_id not in self.pins:
            self.pins.add(network_id)
            self.spaces[network_id] = Space()
        return MemoryRouter(self, network_id)

    async def is_pinned(self, router: Router) -> bool:
        await self.obey("is_pinned")
        assert isinstance(router, MemoryRouter)
        was = router.network_id in self.pins
        self.pins.add(router.network_id)
        return was

    async def delete(self, network_id: str) -> None:
        await self.obey("delete")
        self.pins.discard(network_id)
        space = self.spaces.pop(network_id, Space())
        for port in space.ports:
            self.host.devices.pop(port, None)
            self.host.containers.discard(port)

    async def obey(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.hanging:
            await asyncio.Event().wait()
        if method in self.failing:
            raise BackendError(Code.NOT_SET_UP, f"{method} fails")


class MemoryRouter:
    """An open router."""

    def __init__(self, kernel: MemoryRouters, network_id: str) -> None:
        self.network_id = network_id
        self.notice = asyncio.Event()
        self.space = kernel.spaces[network_id]
        self._kernel = kernel
        self.space.open.append(self)

    async def adopt(self, device: str) -> None:
        await self._kernel.obey("adopt")
        _, config = self._kernel.host.devices.pop(device)
        assert config
        self.space.device = changed(NO_DEVICE, config)
        self.space.give_notice()

    async def apply(
        self, plan: RouterPlan, config: DeviceConfig, moved: Collection[Key] = ()
    ) -> RouterApplied:
        await self._kernel.obey("apply")
        before, self.space.plan = self.space.plan, plan
        self.space.guarded = True
        if self.space.device is None:
            return RouterApplied(False)
        change = diff(self.space.device, config, moved)
        self.space.device = changed(self.space.device, change)
        done = [] if change == DeviceConfig() else ["device"]
        if self.space.links.get("") != plan.link:
            done.append("link")
            self._link(plan.link)
        return RouterApplied(True, (*done, *(["plan"] if plan != before else [])))

    def _link(self, link: Link | None) -> None:
        self.space.links = {"": link} if link else {}
        self._kernel.linked()
        self.space.give_notice()

    async def attach(self, ifname: str, mac_address: str, plan: RouterPlan) -> None:
        await self._kernel.obey("attach")
        self.space.ports[ifname] = mac_address
        self._kernel.host.devices[ifname] = (plan.mtu or 0, None)

    async def ports(self) -> frozenset[str]:
        await self._kernel.obey("ports")
        host = self._kernel.host
        there = {*host.devices, *host.containers}
        self.space.ports = {name: mac for name, mac in self.space.ports.items() if name in there}
        return frozenset(self.space.ports)

    async def observe(self, device: str) -> Observed | None:
        await self._kernel.obey("observe")
        found = self.space.device
        return Observed("wg0", found, self.space.guarded) if found else None

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        await self._kernel.obey("probe")
        return target not in self._kernel.silent

    async def listen(self, addresses: Collection[IPAddress], port: int) -> tuple[int, ...]:
        await self._kernel.obey("listen")
        self.space.listening = frozenset(addresses), port
        return ()

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        await self._kernel.obey("configure")
        if self.space.device:
            self.space.device = changed(self.space.device, change)
        return self.space.device is not None

    async def changed(self) -> None:
        if "changed" not in self._kernel.failing:
            await self.notice.wait()
        await self._kernel.obey("changed")
        self.notice.clear()

    def close(self) -> None:
        self.space.open.remove(self)
