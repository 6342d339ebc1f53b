"""A host without a kernel: a Backend whose devices are values."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from wgplugin.errors import BackendError
from wgplugin.wireguard import DeviceConfig


@dataclass
class MemoryBackend:
    """Keeps devices by name, as (MTU, configuration); fails or hangs where it is told to."""

    devices: dict[str, tuple[int, DeviceConfig | None]] = field(default_factory=dict)
    path_mtus: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)

    async def create(self, ifname: str, mtu: int) -> None:
        await self._obey("create")
        self.devices[ifname] = (mtu, None)

    async def configure(self, ifname: str, config: DeviceConfig) -> None:
        await self._obey("configure")
        self.devices[ifname] = (self.devices[ifname][0], config)

    async def delete(self, ifname: str) -> None:
        await self._obey("delete")
        self.devices.pop(ifname, None)

    async def names(self) -> list[str]:
        await self._obey("names")
        return list(self.devices)

    async def path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        await self._obey("path_mtu")
        return self.path_mtus.get(str(host) if host else "default")

    async def _obey(self, method: str) -> None:
        if method in self.failing:
            raise BackendError(f"{method} fails")
        if method in self.hanging:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
