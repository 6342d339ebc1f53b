"""A tunnel's addresses, routes and rules in its container's network namespace, as values. Pure.

The tunnel's routes are in a table of their own, and rules lead there. Docker checks only the main
table for conflicts, so it accepts networks in any order.

The kill switch: each prefix is in that table twice, as a route into the device and as an
unreachable route, which takes over if the first one disappears. So the tunnel's traffic doesn't
leave by another network when the tunnel is taken down. A socket that is bound to another network's
device gets past it: docs/security.md has the limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from wgplugin.model.prefixes import InterfaceAddress, Prefix, full_families

MAIN_TABLE = 254

FIRST_TABLE = 518_200_000
TABLES = 100_000
"""The first number of a tunnel's table, and how many numbers there are; a device has one."""

REPLIES, OTHERS, PARTIAL, FULL = 5180, 5181, 5182, 5183
"""The priorities of the rules, all before Docker's own. In this order:

- REPLIES: replies to clients of other networks, recognized by `MARK`;
- OTHERS: the subnets of other networks;
- PARTIAL: tunnels for some prefixes (split tunnels);
- FULL: full tunnels.
"""

PRIORITIES = (REPLIES, OTHERS, PARTIAL, FULL)

MARK = 51820
"""The firewall mark of replies to clients of other networks."""

LAST_METRIC = 4_000_000_000
"""The metric of an unreachable route, so that a route into the device comes first."""


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """An address on the device."""

    interface: InterfaceAddress

    def __str__(self) -> str:
        return f"address {self.interface}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route: into the device, unreachable, or ``throw``: continue with the next rule."""

    destination: Prefix
    table: int
    kind: Literal["device", "unreachable", "throw"] = "device"

    def __str__(self) -> str:
        return f"{'' if self.kind == 'device' else self.kind + ' '}route {self.destination}"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of one family that leads to a table.

    ``mark``: the firewall mark of the packets, 0 for any. ``subnets``: ignore the table's default
    routes.
    """

    version: int
    priority: int
    table: int
    mark: int = 0
    subnets: bool = False

    def __str__(self) -> str:
        return f"IPv{self.version} rule {self.priority}"


Item = DeviceAddress | Route | PolicyRule


@dataclass(frozen=True, slots=True)
class Plan:
    """The planned state of a tunnel in its container.

    ``device``: the device's name on the host, by which it is found. ``routed``: the prefixes that
    go into the tunnel, except those in ``bypass``. ``own_table``: False leaves the routes to
    Docker. ``dns``: the server for all queries, None leaves them to Docker. ``mtu``: in bytes, None
    leaves it unchanged.
    """

    device: str
    addresses: tuple[InterfaceAddress, ...]
    routed: tuple[Prefix, ...] = ()
    bypass: tuple[Prefix, ...] = ()
    mtu: int | None = None
    own_table: bool = True
    dns: IPv4Address | None = None

    @property
    def table(self) -> int:
        """The number of the tunnel's own table; it depends on the device's name alone."""
        return table(self.device)


def table(device: str) -> int:
    """Return the number of a device's table, given the device's name on the host."""
    return FIRST_TABLE + int(device[-12:], 16) % TABLES


def is_tunnels(number: int) -> bool:
    """Return whether a tunnel's rule may lead to a table of this number."""
    return number == MAIN_TABLE or 0 <= number - FIRST_TABLE < TABLES


def blocked_exits(plan: Plan) -> frozenset[Item]:
    """Return the kill switch: the items that block other networks before the device arrives."""
    return frozenset((*_routes(plan, ()), *_rules(plan)))


def items(plan: Plan, families: Iterable[int]) -> frozenset[Item]:
    """Return all items of a tunnel; ``families`` are those that its device can carry."""
    families = tuple(families)
    addresses = (DeviceAddress(each) for each in plan.addresses if each.version in families)
    return frozenset((*addresses, *_routes(plan, families), *_rules(plan)))


def _routes(plan: Plan, families: tuple[int, ...]) -> Iterable[Route]:
    for net in _inside(plan):
        yield Route(net, plan.table, "unreachable")
        if net.version in families:
            yield Route(net, plan.table)
    if plan.own_table and plan.routed:
        yield from (Route(net, plan.table, "throw") for net in plan.bypass)


def _rules(plan: Plan) -> Iterable[PolicyRule]:
    inside = _inside(plan)
    full = full_families(inside)
    for version in {net.version for net in inside}:
        yield PolicyRule(version, REPLIES, MAIN_TABLE, mark=MARK)
        yield PolicyRule(version, OTHERS, MAIN_TABLE, subnets=True)
        yield PolicyRule(version, FULL if version in full else PARTIAL, plan.table)


def _inside(plan: Plan) -> tuple[Prefix, ...]:
    if not plan.own_table:
        return ()
    return tuple(net for net in dict.fromkeys(plan.routed) if not _covered(net, plan.bypass))


def _covered(net: Prefix, holes: Iterable[Prefix]) -> bool:
    return any(hole.supernet_of(net) for hole in holes if hole.version == net.version)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Changes:
    """Items to add, then items to delete: in this order, nothing leaks in between."""

    add: tuple[Item, ...]
    delete: tuple[Item, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


def changes(plan: Plan, families: Iterable[int], found: Iterable[Item]) -> Changes:
    """Return the changes that turn the items ``found`` into the planned ones.

    ``families`` are those that the device can carry. Rules of the namespace's other tunnels stay,
    and so do rules that all tunnels share.
    """
    wanted, present = items(plan, families), frozenset(found)
    ours = (
        item for item in present if not (isinstance(item, PolicyRule) and item.table != plan.table)
    )
    return _ordered(wanted - present, set(ours) - wanted)


def removal(own: int, found: Iterable[Item]) -> Changes:
    """Return the changes that remove a tunnel from a namespace; ``own`` is the tunnel's table.

    Rules that all tunnels share are removed with the last tunnel.
    """
    found = tuple(found)
    tables = {item.table for item in found if isinstance(item, PolicyRule)} - {MAIN_TABLE, own}
    last = not tables
    return _ordered(
        (),
        (
            item
            for item in found
            if (isinstance(item, Route) and item.table == own)
            or (isinstance(item, PolicyRule) and (last or item.table == own))
        ),
    )


def _ordered(add: Iterable[Item], delete: Iterable[Item]) -> Changes:
    return Changes(tuple(sorted(add, key=_order)), tuple(sorted(delete, key=_order, reverse=True)))


def _order(item: Item) -> tuple[int, str]:
    match item:
        case Route(kind="device"):
            return 3, str(item)
        case Route():
            return 0, str(item)
        case PolicyRule():
            return 1, str(item)
        case _:
            return 2, str(item)
