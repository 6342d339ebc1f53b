"""Containers without a kernel: ContainerKernel whose namespaces are values."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model import namespace
from wgplugin.model.backends import Applied, Container, Observed, Router, Unseen
from wgplugin.model.configuration import Probe
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
from wgplugin.model.published import Link

NO_DEVICE = Device(None, None, 51820, 0, ())


@dataclass(eq=False)
class Namespace:
    """A container's network: devices, and what is theirs, by a device's name on the host.

    ``down`` are the devices that were taken down, ``stubborn`` those that take no configuration,
    without an error. ``routing`` has the routes and rules of all tunnels. ``firewalls`` are by a
    network's number, and so are the other networks that each of them has ``known``; ``generation``
    counts their changes. ``links`` are by their tunnel's device. While it ``hangs``, nothing in it
    is answered.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    mtus: dict[str, int] = field(default_factory=dict)
    firewalls: dict[int, Plan] = field(default_factory=dict)
    known: dict[int, frozenset[OtherNetwork]] = field(default_factory=dict)
    generation: int = 0
    addresses: dict[str, set[Item]] = field(default_factory=dict)
    routing: set[Item] = field(default_factory=set)
    others: frozenset[OtherNetwork] = frozenset()
    links: dict[str, Link] = field(default_factory=dict)
    hangs: bool = False
    names: Callable[[bytes], bytes | None] = lambda query: None
    """Docker's resolver."""
    open: list["MemoryContainer"] = field(default_factory=list)

    def found(self, owner: int, device: str = "") -> Found:
        """Return what a tunnel has, and what it shares with others."""
        routes = [item for item in self.routing if isinstance(item, Route)]
        own = {route for route in routes if _is_own(route, owner)}
        others = {each.destination.version for each in routes if each not in own}
        shared = {item for item in self.routing if not isinstance(item, Route)}
        return Found(frozenset(own | shared | self.addresses.get(device, set())), frozenset(others))

    def give_notice(self) -> None:
        """Tell all who listen that links, addresses, routes or rules have changed."""
        for each in self.open:
            each.notice.set()

    def connect(self, network: OtherNetwork) -> None:
        """Connect the container to another network."""
        self.others |= {network}
        self.give_notice()

    def bring(self, device: str, state: Device = NO_DEVICE) -> None:
        """Put a device into the container, as Docker does."""
        self.devices[device] = state
        self.give_notice()

    def take_down(self, device: str, owner: int) -> None:
        """Take a device down, which takes its routes away."""
        self.down.add(device)
        self.routing -= {
            item
            for item in self.found(owner).items
            if isinstance(item, Route) and item.kind == "device"
        }
        self.give_notice()

    def take_away(self, *items: Item) -> None:
        """Delete routes and rules, as somebody on the host may."""
        self.routing -= set(items)
        self.give_notice()

    def flush_firewall(self) -> None:
        """Delete all nftables, as somebody on the host may."""
        self.firewalls.clear()
        self.generation += 1


def _is_own(route: Route, owner: int) -> bool:
    if route.table == MAIN_TABLE:
        return True
    if route.kind == "device":
        return route.metric - 1 & 0xFFFFF == owner & 0xFFFFF
    return namespace.owner(route) == owner


class Keys(dict[str, Namespace]):
    """The namespaces that Docker has, by key; ``changed`` is set by each that comes or goes."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()

    def __setitem__(self, key: str, value: Namespace) -> None:
        super().__setitem__(key, value)
        self.changed.set()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.changed.set()


@dataclass
class MemoryContainers:
    """Keeps namespaces by key; every method named in ``failing`` fails, in ``hanging`` never ends,
    in ``slow`` takes its time.

    Of the methods called changed(), that of a container fails by that name, this one by "mounts".
    What is named in ``broken`` raises an error that isn't foreseen.
    Without 6 in ``families``, nothing of IPv6 can be set: the host has no IPv6.
    """

    namespaces: Keys = field(default_factory=Keys)
    failing: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    families: frozenset[int] = frozenset({4, 6})
    stops_frames: bool = True
    silent: set[Probe] = field(default_factory=set)
    """What doesn't answer to probes."""
    applied: list[Plan] = field(default_factory=list)
    """The plans of all nftables that were ever installed."""
    calls: list[str] = field(default_factory=list)
    """The methods that were ever called."""
    linked: Callable[[], None] = lambda: None
    """Called when a link has been made, whose other end is on the host."""

    async def open(self, key: str) -> "MemoryContainer | None":
        await self.obey("open")
        found = self.namespaces.get(key)
        return MemoryContainer(key, found, self) if found else None

    def is_open_still(self, container: Container) -> bool:
        assert isinstance(container, MemoryContainer)
        return self.namespaces.get(container.key) is container.inside

    async def changed(self) -> None:
        if "mounts" not in self.failing:
            await self.namespaces.changed.wait()
        self.refuse("mounts")
        self.namespaces.changed.clear()

    async def observe(
        self, asked: Sequence[tuple[Container | Router, str]], seconds: float
    ) -> list[Observed | Unseen | BackendError]:
        looks = [asyncio.ensure_future(self._observe(*each)) for each in asked]
        if looks:
            await asyncio.wait(looks, timeout=seconds)
        late = BackendError(Code.NOT_SET_UP, "the container's network doesn't answer")
        return [look.result() if look.done() else late for look in looks]

    async def _observe(
        self, container: Container | Router, device: str
    ) -> Observed | Unseen | BackendError:
        assert hasattr(container, "observe")
        try:
            return await container.observe(device) or Unseen.GONE
        except BackendError as error:
            return error

    async def check_firewall(self) -> bool:
        await self.obey("apply_firewall")
        return self.stops_frames

    async def obey(self, method: str, inside: Namespace | None = None) -> None:
        self.calls.append(method)
        await asyncio.sleep(0)
        if method in self.hanging or (inside and inside.hangs):
            await asyncio.sleep(10.0)
            raise BackendError(Code.NOT_SET_UP, f"{method} isn't answered")
        if method in self.slow:
            await asyncio.sleep(5.0)
        if method in self.broken:
            raise RuntimeError(f"{method} is broken")
        self.refuse(method)

    def refuse(self, method: str) -> None:
        if method in self.failing:
            raise BackendError(Code.NOT_SET_UP, f"{method} fails")


class MemoryContainer:
    """An open namespace."""

    def __init__(self, key: str, inside: Namespace, kernel: MemoryContainers) -> None:
        self.key = key
        self.inside = inside
        self.notice = asyncio.Event()
        self._kernel = kernel
        self._generation = inside.generation
        self._owners: set[int] = set()
        self._guarded: set[int] = set()
        inside.open.append(self)

    async def block_exits(self, plan: Plan) -> frozenset[OtherNetwork]:
        await self._kernel.obey("block_exits", self.inside)
        blocked = namespace.blocked_exits(plan)
        self._expect_families(blocked)
        if not blocked <= self.inside.routing:
            self.inside.routing |= blocked
            self.inside.give_notice()
        return self.inside.others

    async def apply(
        self,
        plan: Plan,
        config: DeviceConfig | None,
        moved: Collection[Key] = (),
        *,
        expected: Collection[Prefix] = (),
        arrived: bool = False,
    ) -> Applied:
        await self._kernel.obey("apply", self.inside)
        here, device = self.inside, self.inside.devices.get(plan.device)
        routes = {Route(net, MAIN_TABLE) for net in expected}
        is_down = plan.device in here.down
        if device is None or not routes <= here.routing or (is_down and not arrived):
            return Applied(ready=False, others=here.others)
        if config and plan.device not in here.stubborn:
            here.devices[plan.device] = changed(device, diff(device, config, moved))
        here.down.discard(plan.device)
        if plan.mtu:
            here.mtus[plan.device] = plan.mtu
        found = here.found(plan.owner, plan.device)
        todo = namespace.changes(plan, self._kernel.families, found)
        self._expect_families(todo.add)
        left = found.items - set(todo.delete) | set(todo.add)
        here.addresses[plan.device] = {item for item in left if isinstance(item, DeviceAddress)}
        here.routing -= set(todo.delete)
        here.routing |= {item for item in todo.add if not isinstance(item, DeviceAddress)}
        if todo:
            here.give_notice()
        done = [str(item) for item in (*todo.add, *todo.delete)]
        if here.links.get(plan.device) != plan.link:
            done.append("link")
            self._link(plan)
        return Applied(True, here.others, tuple(done), self._is_guarded())

    def _link(self, plan: Plan) -> None:
        self.inside.links.pop(plan.device, None)
        if plan.link:
            self.inside.links[plan.device] = plan.link
            self._kernel.linked()
        self.inside.give_notice()

    async def apply_firewall(self, plan: Plan, others: Collection[OtherNetwork]) -> None:
        await self._kernel.obey("apply_firewall", self.inside)
        if self.inside.generation != self._generation:
            self._guarded.clear()
        self.inside.generation += 1
        self._generation = self.inside.generation
        self._owners.add(plan.owner)
        self._guarded.add(plan.owner)
        self.inside.firewalls[plan.owner] = plan
        self.inside.known[plan.owner] = frozenset(others)
        self._kernel.applied.append(plan)

    async def observe(self, device: str) -> Observed | None:
        await self._kernel.obey("observe", self.inside)
        found = self.inside.devices.get(device)
        return Observed("wg0", found, self._is_guarded()) if found else None

    def _is_guarded(self) -> bool:
        is_ours = self.inside.generation == self._generation
        return is_ours and bool(self._owners) and self._owners <= self._guarded

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        await self._kernel.obey("probe", self.inside)
        return target not in self._kernel.silent

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        await self._kernel.obey("ask_names", self.inside)
        return self.inside.names(query)

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        await self._kernel.obey("configure", self.inside)
        found = self.inside.devices.get(device)
        if found:
            self.inside.devices[device] = changed(found, change)
        return found is not None

    async def clear(self, device: str, owner: int) -> None:
        await self._kernel.obey("clear", self.inside)
        self.inside.routing -= set(namespace.removal(self.inside.found(owner)).delete)
        self.inside.firewalls.pop(owner, None)
        self.inside.links.pop(device, None)
        self._owners.discard(owner)
        self.inside.generation += 1
        self._generation = self.inside.generation
        self.inside.give_notice()

    async def changed(self) -> None:
        if "changed" not in self._kernel.failing:
            await self.notice.wait()
        self._kernel.refuse("changed")
        self.notice.clear()

    def close(self) -> None:
        self.inside.open.remove(self)

    def _expect_families(self, items: Iterable[Item]) -> None:
        for item in items:
            if version(item) not in self._kernel.families:
                raise BackendError(Code.NOT_SET_UP, f"{item} isn't supported")


def version(item: Item) -> int:
    """Return the address family of an item."""
    if isinstance(item, DeviceAddress):
        return item.interface.version
    return item.destination.version if isinstance(item, Route) else item.version


def changed(device: Device, change: DeviceConfig) -> Device:
    """Return a device as the kernel has it after a change."""
    peers = {} if change.replace_peers else {peer.public_key: peer for peer in device.peers}
    for each in change.peers:
        if each.remove:
            peers.pop(each.public_key, None)
        else:
            own = _peer(peers.get(each.public_key), each)
            peers = {key: _without(peer, each.allowed_ips) for key, peer in peers.items()}
            peers[each.public_key] = own
    return replace(
        device,
        private_key=_clamped(change.private_key) if change.private_key else device.private_key,
        listen_port=change.listen_port or device.listen_port,
        fwmark=device.fwmark if change.fwmark is None else change.fwmark,
        peers=tuple(peers.values()),
    )


def _clamped(key: Key) -> Key:
    """Return a private key as the kernel keeps it (curve25519_clamp_secret)."""
    raw = bytearray(key.raw)
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    return Key(bytes(raw))


def _without(peer: Peer, nets: Collection[Prefix]) -> Peer:
    """Return a peer after these allowed IPs went to another."""
    return replace(peer, allowed_ips=tuple(net for net in peer.allowed_ips if net not in nets))


def _peer(peer: Peer | None, change: PeerConfig) -> Peer:
    peer = peer or Peer(change.public_key)
    kept = () if change.replace_allowed_ips else peer.allowed_ips
    return replace(
        peer,
        endpoint=change.endpoint or peer.endpoint,
        preshared_key=change.preshared_key or peer.preshared_key,
        persistent_keepalive=(
            peer.persistent_keepalive
            if change.persistent_keepalive is None
            else change.persistent_keepalive
        ),
        allowed_ips=tuple(dict.fromkeys((*kept, *change.allowed_ips))),
    )
