"""Containers without a kernel: ContainerKernel whose namespaces are values."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model import namespace
from wgplugin.model.backends import Observed
from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, diff
from wgplugin.model.namespace import DeviceAddress, Item, Plan, Route
from wgplugin.model.prefixes import Prefix

NO_DEVICE = Device(None, None, 51820, 0, ())


@dataclass
class Namespace:
    """A container's network: devices, and what is theirs, by a device's name on the host.

    ``routing`` has the routes and rules of all tunnels, which their tables keep apart.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    mtus: dict[str, int] = field(default_factory=dict)
    firewalls: dict[str, Plan] = field(default_factory=dict)
    addresses: dict[str, set[Item]] = field(default_factory=dict)
    routing: set[Item] = field(default_factory=set)

    def items(self, device: str) -> set[Item]:
        """Return what a tunnel has, and what it shares with others."""
        tables = {namespace.table(device), namespace.MAIN_TABLE}
        return self.addresses.get(device, set()) | {
            item for item in self.routing if not isinstance(item, Route) or item.table in tables
        }


@dataclass
class MemoryContainers:
    """Keeps namespaces by key; every method named in ``failing`` fails.

    Without 6 in ``families``, nothing of IPv6 can be set: the host has no IPv6.
    """

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    families: frozenset[int] = frozenset({4, 6})

    async def exists(self, key: str) -> bool:
        return key in self.namespaces

    async def block_exits(self, key: str, wanted: Plan) -> bool:
        await self._obey("block_exits")
        if key in self.namespaces:
            self._expect_families(namespace.blocked_exits(wanted))
            self.namespaces[key].routing |= namespace.blocked_exits(wanted)
        return key in self.namespaces

    async def is_moved(self, key: str, device: str, expected: Collection[Prefix]) -> bool:
        await self._obey("is_moved")
        if self._device(key, device) is None:
            return False
        routes = {Route(net, namespace.MAIN_TABLE) for net in expected}
        return routes <= self.namespaces[key].routing

    async def apply(
        self,
        key: str,
        wanted: Plan,
        config: DeviceConfig | None = None,
        moved: Collection[Key] = (),
    ) -> list[str] | None:
        await self._obey("apply")
        device = self._device(key, wanted.device)
        if device is None:
            return None
        here = self.namespaces[key]
        if config:
            here.devices[wanted.device] = changed(device, diff(device, config, moved))
        if wanted.mtu:
            here.mtus[wanted.device] = wanted.mtu
        todo = namespace.changes(wanted, self.families, here.items(wanted.device))
        self._expect_families(todo.add)
        left = here.items(wanted.device) - set(todo.delete) | set(todo.add)
        here.addresses[wanted.device] = {item for item in left if isinstance(item, DeviceAddress)}
        here.routing -= set(todo.delete)
        here.routing |= {item for item in todo.add if not isinstance(item, DeviceAddress)}
        return [str(item) for item in (*todo.add, *todo.delete)]

    async def apply_firewall(self, key: str, wanted: Plan) -> None:
        await self._obey("apply_firewall")
        self.namespaces[key].firewalls[wanted.device] = wanted

    async def observe(self, key: str, device: str) -> Observed | None:
        await self._obey("observe")
        found = self._device(key, device)
        return Observed("wg0", found) if found else None

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        await self._obey("configure")
        found = self._device(key, device)
        if found:
            self.namespaces[key].devices[device] = changed(found, change)
        return found is not None

    async def clear(self, key: str, device: str) -> None:
        await self._obey("clear")
        if key in self.namespaces:
            here = self.namespaces[key]
            todo = namespace.removal(namespace.table(device), here.routing)
            here.routing -= set(todo.delete)
            here.firewalls.pop(device, None)

    def _device(self, key: str, device: str) -> Device | None:
        return self.namespaces[key].devices.get(device) if key in self.namespaces else None

    def _expect_families(self, items: Iterable[Item]) -> None:
        for item in items:
            if version(item) not in self.families:
                raise BackendError(Code.NOT_SET_UP, f"{item} isn't supported")

    async def _obey(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.failing:
            raise BackendError(Code.NOT_SET_UP, f"{method} fails")


def version(item: Item) -> int:
    """Return the address family of an item."""
    if isinstance(item, DeviceAddress):
        return item.interface.version
    return item.destination.version if isinstance(item, Route) else item.version


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
