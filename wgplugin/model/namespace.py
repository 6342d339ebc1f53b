"""A tunnel's addresses, routes and rules in its container's network namespace, as values. Pure.

The routes of all tunnels are in one table of their own, so the longest prefix wins. Rules lead
there. Docker checks only the main table for conflicts, so it accepts networks in any order.

The kill switch: each prefix is in that table twice, as a route into the device and as an
unreachable route, which takes over if the first one disappears. So the tunnel's traffic doesn't
leave by another network when the tunnel is taken down. What passes over routes, such as a socket
that is bound to another network's device, is stopped by nftables: see kernel/exits.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Literal

from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.model.published import Link

MAIN_TABLE, LOCAL_TABLE = 254, 255

TABLE = 51820
"""The table of all tunnels' routes."""

REPLIES, OTHERS, TUNNELS = 5180, 5181, 5182
"""The priorities of the rules, all before Docker's own. In this order:

- REPLIES: replies to clients of other networks, recognized by `MARK`;
- OTHERS: the subnets of other networks;
- TUNNELS: the prefixes of all tunnels.
"""

PRIORITIES = (REPLIES, OTHERS, TUNNELS)

MARK = 51820
"""The mark of a connection that a client of another network began, and of the replies to it."""

GROUP = 51820
"""The link group of the tunnels' devices, by which nftables tell them from other networks'."""

_UNREACHABLE, THROW = 0xE000_0000, 0xF000_0000
"""The metrics of routes without a device, each with its tunnel's number: after all others."""


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """An address on the device."""

    interface: InterfaceAddress

    def __str__(self) -> str:
        return f"address {self.interface}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route: into the device, unreachable, or ``throw``: continue with the next rule.

    One that is ``local`` has what comes by the device taken for the host's own.

    Routes to one destination differ by their ``metric``; the lowest wins. It is 0 for a route that
    Docker has set. ``via`` is the next hop, None for an on-link route. ``source`` is the address of
    packets that have none yet, None for the device's.
    """

    destination: Prefix
    table: int
    kind: Literal["device", "local", "unreachable", "throw"] = "device"
    metric: int = 0
    via: IPAddress | None = None
    source: IPAddress | None = None

    def __str__(self) -> str:
        return f"{'' if self.kind == 'device' else self.kind + ' '}route {self.destination}"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of one family that leads to a table.

    ``mark``: the firewall mark of the packets, 0 for any. ``subnets``: ignore the table's default
    routes. ``source``: where the packets are from, None for anywhere. ``protocol``: the number of
    theirs, 0 for any.
    """

    version: int
    priority: int
    table: int
    mark: int = 0
    subnets: bool = False
    source: Prefix | None = None
    protocol: int = 0

    def __str__(self) -> str:
        return f"IPv{self.version} rule {self.priority}"


Item = DeviceAddress | Route | PolicyRule

MANY = 10
"""More routes than these are counted, not listed."""


@dataclass(frozen=True, slots=True)
class OtherNetwork:
    """A container's device of another network, and the subnets that are reached by it."""

    ifname: str
    subnets: frozenset[Prefix]


@dataclass(frozen=True, slots=True)
class Plan:
    """The planned state of a tunnel in its container.

    ``device``: the device's name on the host, by which it is found. ``owner``: the network's
    number (identity.network_number), by which the rest is found. ``routed``: the prefixes that go
    into the tunnel, except those in ``bypass``. ``own_table``: False leaves the routes to Docker.
    ``dns``: the server for queries, None leaves them to Docker. ``domains``: the search domains of
    that server. ``mtu``: in bytes, None leaves it unchanged.

    Of several tunnels in a container (model.order), the higher ``priority`` comes first, then the
    ``configuration`` whose name does. ``place``: the number of tunnels that come before this one
    for the same prefix. ``all_names``: whether ``dns`` is asked for all names, not only for those
    in ``domains``.

    ``opens``: whether a container that loses its tunnel may use its other networks for everything.
    ``closed``: it has lost it; the prefixes stay blocked, and names aren't looked up.

    In a shared network, the device is a veth to the router: ``hops`` are the router's addresses,
    one of each family that it routes; ``subnets`` are the prefixes that are reached without it.

    ``link``: the way of its published ports, None without. ``answers``: whether clients of such
    ports come by the device itself, from the router of a shared network, and get answers by it.

    ``inside``: the prefixes with routes into the tunnel; parts of them may be in ``bypass``.
    """

    device: str
    owner: int
    addresses: tuple[InterfaceAddress, ...]
    routed: tuple[Prefix, ...] = ()
    bypass: tuple[Prefix, ...] = ()
    mtu: int | None = None
    own_table: bool = True
    dns: IPv4Address | None = None
    domains: tuple[str, ...] = ()
    priority: int = 0
    configuration: str = ""
    place: int = 0
    all_names: bool = True
    opens: bool = False
    closed: bool = False
    hops: tuple[IPAddress, ...] = ()
    subnets: tuple[Prefix, ...] = ()
    link: Link | None = None
    answers: bool = False
    inside: tuple[Prefix, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        nets = dict.fromkeys((*self.subnets, *self.routed) if self.own_table else ())
        inside = tuple(net for net in nets if not _covered(net, self.bypass))
        object.__setattr__(self, "inside", inside)

    @property
    def metric(self) -> int:
        """The metric of the routes into the device; no other tunnel's routes have it."""
        return (self.place << 20 | self.owner & 0xFFFFF) + 1


@dataclass(frozen=True, slots=True)
class Found:
    """A tunnel's items of a table in a namespace, with the rules that all tunnels share.

    ``others``: the IP versions of the routes that other tunnels have in the table.
    """

    items: frozenset[Item] = frozenset()
    others: frozenset[int] = frozenset()


def owner(route: Route) -> int:
    """Return the number of the network that has a route without a device."""
    return route.metric & ~THROW


def only_in(plan: Plan, others: Iterable[Plan]) -> tuple[Prefix, ...]:
    """Return the prefixes that a tunnel has, and none of the others does."""
    elsewhere = [net for other in others for net in other.inside]
    return tuple(net for net in plan.inside if not _covered(net, elsewhere))


def blocked_exits(plan: Plan) -> frozenset[Item]:
    """Return the kill switch: the items that block other networks before the device arrives."""
    return frozenset((*_routes(plan, ()), *_rules(plan)))


def items(plan: Plan, families: Iterable[int]) -> frozenset[Item]:
    """Return all items of a tunnel; ``families`` are those that its device can carry."""
    families = tuple(families)
    addresses = (DeviceAddress(each) for each in plan.addresses if each.version in families)
    return frozenset((*addresses, *_routes(plan, families), *_rules(plan)))


def _routes(plan: Plan, families: tuple[int, ...]) -> Iterable[Route]:
    hops = {hop.version: hop for hop in plan.hops}
    for net in plan.inside:
        yield Route(net, TABLE, "unreachable", _UNREACHABLE | plan.owner)
        if net.version in families:
            via = None if net in plan.subnets else hops.get(net.version)
            if via or not hops or net in plan.subnets:
                yield Route(net, TABLE, metric=plan.metric, via=via)
    if plan.own_table and plan.routed:
        yield from (Route(net, TABLE, "throw", THROW | plan.owner) for net in plan.bypass)


def _rules(plan: Plan) -> Iterable[PolicyRule]:
    for version in {net.version for net in plan.inside}:
        yield PolicyRule(version, REPLIES, MAIN_TABLE, mark=MARK)
        yield PolicyRule(version, OTHERS, MAIN_TABLE, subnets=True)
        yield PolicyRule(version, TUNNELS, TABLE)


def _covered(net: Prefix, holes: Iterable[Prefix]) -> bool:
    return any(hole.supernet_of(net) for hole in holes if hole.version == net.version)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Changes:
    """Items to add, then items to delete: in this order, nothing leaks in between."""

    add: tuple[Item, ...]
    delete: tuple[Item, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


def changes(plan: Plan, families: Iterable[int], found: Found) -> Changes:
    """Return the changes that turn what is found into what is planned.

    ``families`` are those that the device can carry.
    """
    wanted = items(plan, families)
    if wanted == found.items:
        return Changes((), ())
    return _ordered(wanted - found.items, own(found) - wanted)


def removal(found: Found) -> Changes:
    """Return the changes that remove a tunnel from a namespace, except its addresses."""
    left = (item for item in own(found) if not isinstance(item, DeviceAddress))
    return _ordered((), left)


def own(found: Found) -> frozenset[Item]:
    """Return the items that no other tunnel needs."""
    rules = (item for item in found.items if isinstance(item, PolicyRule))
    return found.items - {rule for rule in rules if rule.version in found.others}


def _ordered(add: Iterable[Item], delete: Iterable[Item]) -> Changes:
    return Changes(tuple(sorted(add, key=_rank)), tuple(sorted(delete, key=_rank, reverse=True)))


def _rank(item: Item) -> tuple[int, int]:
    match item:
        case Route(kind="device"):
            return 3, 0
        case Route():
            return 0, 0
        case PolicyRule():
            return 1, item.priority
        case _:
            return 2, 0


def told(items: Iterable[Item], verb: str) -> Iterator[str]:
    """Word the changes of items for a log."""
    items = tuple(items)
    routes = [item for item in items if isinstance(item, Route)]
    if len(routes) > MANY:
        yield f"{len(routes):,} routes {verb}"
        items = tuple(item for item in items if not isinstance(item, Route))
    yield from (f"{item} {verb}" for item in items)
