"""A host without a kernel: a HostKernel whose devices are values."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model.backends import Location
from wgplugin.model.device import DeviceConfig, Key


@dataclass
class MemoryHost:
    """Keeps devices by name, as (MTU, configuration); fails or hangs where it is told to.

    ``dead``: the private keys of configurations whose peers don't answer. ``asked``: the patience
    with which peers were asked, in turn. ``never``: the devices that never had a handshake.

    Without 6 in ``families``, it is a host without IPv6.

    What Docker has moved into a container is there by the name that it had on the host.
    """

    devices: dict[str, tuple[int, DeviceConfig | None]] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)
    path_mtus: dict[str, int] = field(default_factory=dict)
    dead: set[Key | None] = field(default_factory=set)
    asked: list[float] = field(default_factory=list)
    never: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    families: frozenset[int] = frozenset({4, 6})

    async def create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        await self._obey("create")
        self.devices[ifname] = (mtu, None)
        await self._obey("configure")
        self.devices[ifname] = (mtu, config)

    async def delete(self, ifname: str) -> None:
        await self._obey("delete")
        self.devices.pop(ifname, None)

    async def locations(self) -> dict[str, Location]:
        await self._obey("locations")
        inside = dict.fromkeys(self.containers, Location.CONTAINER)
        return inside | dict.fromkeys(self.devices, Location.HOST)

    async def answers(self, ifname: str, config: DeviceConfig, patience: float) -> bool:
        await self._obey("answers")
        self.devices.pop(ifname, None)
        self.asked.append(patience)
        if config.private_key in self.dead:
            await asyncio.sleep(patience)
            return False
        return True

    async def had_handshake(self, ifname: str) -> bool | None:
        await self._obey("had_handshake")
        return ifname not in self.never if ifname in self.devices else None

    async def path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        await self._obey("path_mtu")
        return self.path_mtus.get(str(host) if host else "default")

    def into_container(self, ifname: str) -> None:
        """Move a device as Docker does when a container starts."""
        del self.devices[ifname]
        self.containers.add(ifname)

    def out_of_container(self, ifname: str) -> None:
        """Move it back as Docker does when the container stops."""
        self.containers.remove(ifname)
        self.devices[ifname] = (0, None)

    async def _obey(self, method: str) -> None:
        if method in self.failing:
            raise BackendError(Code.KERNEL_REFUSES, f"{method} fails")
        if method in self.hanging:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
