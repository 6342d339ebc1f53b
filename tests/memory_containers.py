"""Containers without a kernel: ContainerKernel whose namespaces are values."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model import namespace
from wgplugin.model.backends import Observed
from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, diff
from wgplugin.model.namespace import Item, Plan, Route
from wgplugin.model.prefixes import Network

NO_DEVICE = Device(None, None, 51820, 0, ())


@dataclass
class Namespace:
    """What a container has; ``device`` is None until Docker puts it there."""

    device: Device | None = None
    mtu: int = 1420
    items: set[Item] = field(default_factory=set)
    filtered: Plan | None = None


@dataclass
class MemoryContainers:
    """Keeps namespaces by key; fails where it is told to."""

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    async def exists(self, key: str) -> bool:
        return key in self.namespaces

    async def block_exits(self, key: str, wanted: Plan) -> bool:
        await self._obey("block_exits")
        if key in self.namespaces:
            self.namespaces[key].items |= namespace.blocked_exits(wanted)
        return key in self.namespaces

    async def is_moved(self, key: str, device: str, expected: Collection[Network]) -> bool:
        await self._obey("is_moved")
        if self._device(key) is None:
            return False
        return {Route(net, namespace.MAIN_TABLE) for net in expected} <= self.namespaces[key].items

    async def apply(
        self,
        key: str,
        wanted: Plan,
        config: DeviceConfig | None = None,
        moved: Collection[Key] = (),
    ) -> list[str] | None:
        await self._obey("apply")
        device = self._device(key)
        if device is None:
            return None
        here = self.namespaces[key]
        if config:
            here.device = changed(device, diff(device, config, moved))
        here.mtu = wanted.mtu or here.mtu
        todo = namespace.changes(wanted, (4, 6), here.items)
        here.items |= set(todo.add)
        here.items -= set(todo.delete)
        return [str(item) for item in (*todo.add, *todo.delete)]

    async def apply_firewall(self, key: str, wanted: Plan) -> None:
        await self._obey("apply_firewall")
        self.namespaces[key].filtered = wanted

    async def observe(self, key: str, device: str) -> Observed | None:
        await self._obey("observe")
        found = self._device(key)
        return Observed("wg0", found) if found else None

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        await self._obey("configure")
        found = self._device(key)
        if found:
            self.namespaces[key].device = changed(found, change)
        return found is not None

    async def clear(self, key: str, device: str) -> None:
        await self._obey("clear")
        if key in self.namespaces:
            self.namespaces[key].items.clear()
            self.namespaces[key].filtered = None

    def _device(self, key: str) -> Device | None:
        return self.namespaces[key].device if key in self.namespaces else None

    async def _obey(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.failing:
            raise BackendError(Code.NOT_SET_UP, f"{method} fails")


def changed(device: Device, change: DeviceConfig) -> Device:
    """Return a device as the kernel has it after a change."""
    peers = {peer.public_key: peer for peer in device.peers}
    for each in change.peers:
        if each.remove:
            peers.pop(each.public_key, None)
        else:
            peers[each.public_key] = _peer(peers.get(each.public_key), each)
    return replace(device, peers=tuple(peers.values()))


def _peer(peer: Peer | None, change: PeerConfig) -> Peer:
    peer = peer or Peer(change.public_key)
    kept = () if change.replace_allowed_ips else peer.allowed_ips
    return replace(
        peer,
        endpoint=change.endpoint or peer.endpoint,
        allowed_ips=tuple(dict.fromkeys((*kept, *change.allowed_ips))),
    )
