"""Containers without a kernel: ContainerKernel whose namespaces are values."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model import namespace
from wgplugin.model.backends import Observed
from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, diff
from wgplugin.model.namespace import (
    MAIN_TABLE,
    DeviceAddress,
    Found,
    Item,
    OtherNetwork,
    Plan,
    Route,
)
from wgplugin.model.prefixes import Prefix

NO_DEVICE = Device(None, None, 51820, 0, ())


@dataclass
class Namespace:
    """A container's network: devices, and what is theirs, by a device's name on the host.

    ``routing`` has the routes and rules of all tunnels; ``firewalls`` are by a network's number.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    mtus: dict[str, int] = field(default_factory=dict)
    firewalls: dict[int, Plan] = field(default_factory=dict)
    addresses: dict[str, set[Item]] = field(default_factory=dict)
    routing: set[Item] = field(default_factory=set)
    others: frozenset[OtherNetwork] = frozenset()
    notices: list["MemoryNotices"] = field(default_factory=list)

    def found(self, owner: int, device: str = "") -> Found:
        """Return what a tunnel has, and what it shares with others."""
        routes = [item for item in self.routing if isinstance(item, Route)]
        own = {route for route in routes if _is_own(route, owner)}
        others = {each.destination.version for each in routes if each not in own}
        shared = {item for item in self.routing if not isinstance(item, Route)}
        return Found(frozenset(own | shared | self.addresses.get(device, set())), frozenset(others))

    def connect(self, network: OtherNetwork) -> None:
        """Connect the container to another network."""
        self.others |= {network}
        for each in self.notices:
            each.come.set()


def _is_own(route: Route, owner: int) -> bool:
    if route.table == MAIN_TABLE:
        return True
    if route.kind == "device":
        return route.metric - 1 & 0xFFFFF == owner & 0xFFFFF
    return namespace.owner(route) == owner


@dataclass
class MemoryNotices:
    """Notices of a namespace; ``come`` is set by one, ``closed`` by their end."""

    come: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def wait(self, seconds: float) -> bool:
        await self.come.wait()
        self.come.clear()
        return True

    def close(self) -> None:
        self.closed = True


@dataclass
class MemoryContainers:
    """Keeps namespaces by key; every method named in ``failing`` fails.

    Without 6 in ``families``, nothing of IPv6 can be set: the host has no IPv6.
    """

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    families: frozenset[int] = frozenset({4, 6})
    stops_frames: bool = True
    applied: list[Plan] = field(default_factory=list)
    """The plans of all nftables that were ever installed."""

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
        routes = {Route(net, MAIN_TABLE) for net in expected}
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
        found = here.found(wanted.owner, wanted.device)
        todo = namespace.changes(wanted, self.families, found)
        self._expect_families(todo.add)
        left = found.items - set(todo.delete) | set(todo.add)
        here.addresses[wanted.device] = {item for item in left if isinstance(item, DeviceAddress)}
        here.routing -= set(todo.delete)
        here.routing |= {item for item in todo.add if not isinstance(item, DeviceAddress)}
        return [str(item) for item in (*todo.add, *todo.delete)]

    async def apply_firewall(self, key: str, wanted: Plan) -> frozenset[OtherNetwork] | None:
        await self._obey("apply_firewall")
        if key not in self.namespaces:
            return None
        self.namespaces[key].firewalls[wanted.owner] = wanted
        self.applied.append(wanted)
        return self.namespaces[key].others

    async def check_firewall(self) -> bool:
        await self._obey("apply_firewall")
        return self.stops_frames

    async def notices(self, key: str) -> MemoryNotices | None:
        if key not in self.namespaces:
            return None
        notices = MemoryNotices()
        self.namespaces[key].notices.append(notices)
        return notices

    async def observe(self, key: str, device: str) -> Observed | None:
        await self._obey("observe")
        found = self._device(key, device)
        return Observed("wg0", found, self.namespaces[key].others) if found else None

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        await self._obey("configure")
        found = self._device(key, device)
        if found:
            self.namespaces[key].devices[device] = changed(found, change)
        return found is not None

    async def clear(self, key: str, device: str, owner: int) -> None:
        await self._obey("clear")
        if key in self.namespaces:
            here = self.namespaces[key]
            here.routing -= set(namespace.removal(here.found(owner)).delete)
            here.firewalls.pop(owner, None)

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
