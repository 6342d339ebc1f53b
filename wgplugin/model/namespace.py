"""What a tunnel has in its container's network namespace, as values to compare. Pure.

The tunnel's routes are in a table of their own, with rules that lead there: Docker's check for
conflicts looks at the main table alone, so that no order of networks is refused. Each prefix is
there twice: into the device, and as unreachable should that route go. So what belongs into the
tunnel never leaves by another network, whoever binds itself to its device or takes the tunnel down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from wgplugin.model.prefixes import Interface, Network, full_families

MAIN_TABLE = 254

FIRST_TABLE = 518_200_000
TABLES = 100_000
"""Where the tunnels' tables are: one for each of a container's devices."""

ANSWERS, OTHERS, PARTIAL, FULL = 5180, 5181, 5182, 5183
"""The priorities of the rules, all before Docker's own.

First what answers to another network's clients, by its mark; then the subnets of other networks;
then the tunnels, and of these the full ones last.
"""

PRIORITIES = (ANSWERS, OTHERS, PARTIAL, FULL)

MARK = 51820
LAST_METRIC = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Address:
    """An address on the device."""

    interface: Interface

    def __str__(self) -> str:
        return f"address {self.interface}"


@dataclass(frozen=True, slots=True)
class Route:
    """A route: into the device, or to nowhere, or (``throw``) on to the next rule's table."""

    destination: Network
    table: int
    kind: Literal["device", "unreachable", "throw"] = "device"

    def __str__(self) -> str:
        return f"{'' if self.kind == 'device' else self.kind + ' '}route {self.destination}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of one family that leads to a table.

    ``mark`` is what packets must have, 0 for any; with ``subnets``, default routes don't count.
    """

    version: int
    priority: int
    table: int
    mark: int = 0
    subnets: bool = False

    def __str__(self) -> str:
        return f"IPv{self.version} rule {self.priority}"


Item = Address | Route | Rule


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tunnel is to have in its container.

    ``device`` is the name that the host gave the device, by which it is found. ``routed`` go into
    the tunnel, as far as they aren't in ``bypass``; with ``own_table`` false, Docker's routes are
    left as they are. ``dns`` is the server that all queries go to, None for whom Docker asks;
    ``mtu`` is in bytes, None for what it is.
    """

    device: str
    addresses: tuple[Interface, ...]
    routed: tuple[Network, ...] = ()
    bypass: tuple[Network, ...] = ()
    mtu: int | None = None
    own_table: bool = True
    dns: IPv4Address | None = None

    @property
    def table(self) -> int:
        """The number of the tunnel's own table, always the same for a device."""
        return table(self.device)


def table(device: str) -> int:
    """Return the number of a device's table, given the name that it had on the host."""
    return FIRST_TABLE + int(device[-12:], 16) % TABLES


def is_tunnels(number: int) -> bool:
    """Tell whether a tunnel's rule may lead to a table of this number."""
    return number == MAIN_TABLE or 0 <= number - FIRST_TABLE < TABLES


def blocked_exits(plan: Plan) -> frozenset[Item]:
    """Return what keeps everything out of other networks before the device is there."""
    return frozenset((*_routes(plan, ()), *_rules(plan)))


def items(plan: Plan, families: Iterable[int]) -> frozenset[Item]:
    """Return all that a tunnel is to have; ``families`` are those that its device can carry."""
    families = tuple(families)
    addresses = (Address(each) for each in plan.addresses if each.version in families)
    return frozenset((*addresses, *_routes(plan, families), *_rules(plan)))


def _routes(plan: Plan, families: tuple[int, ...]) -> Iterable[Route]:
    for net in _inside(plan):
        yield Route(net, plan.table, "unreachable")
        if net.version in families:
            yield Route(net, plan.table)
    if plan.own_table and plan.routed:
        yield from (Route(net, plan.table, "throw") for net in plan.bypass)


def _rules(plan: Plan) -> Iterable[Rule]:
    inside = _inside(plan)
    full = full_families(inside)
    for version in {net.version for net in inside}:
        yield Rule(version, ANSWERS, MAIN_TABLE, mark=MARK)
        yield Rule(version, OTHERS, MAIN_TABLE, subnets=True)
        yield Rule(version, FULL if version in full else PARTIAL, plan.table)


def _inside(plan: Plan) -> tuple[Network, ...]:
    if not plan.own_table:
        return ()
    return tuple(net for net in dict.fromkeys(plan.routed) if not _covered(net, plan.bypass))


def _covered(net: Network, holes: Iterable[Network]) -> bool:
    return any(hole.supernet_of(net) for hole in holes if hole.version == net.version)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do, in this order: nothing is open to another network in between."""

    add: tuple[Item, ...]
    delete: tuple[Item, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


def changes(plan: Plan, families: Iterable[int], found: Iterable[Item]) -> Changes:
    """Return what makes of what was found what is planned.

    ``families`` are those that the device can carry. What belongs to the namespace's other tunnels
    stays, and so do the rules that all share.
    """
    wanted, present = items(plan, families), frozenset(found)
    ours = (item for item in present if not (isinstance(item, Rule) and item.table != plan.table))
    return _ordered(wanted - present, set(ours) - wanted)


def removal(own: int, found: Iterable[Item]) -> Changes:
    """Return what takes a tunnel, whose table is ``own``, out of a namespace.

    Rules that all tunnels share go with the last of them.
    """
    found = tuple(found)
    tables = {item.table for item in found if isinstance(item, Rule)} - {MAIN_TABLE, own}
    last = not tables
    return _ordered(
        (),
        (
            item
            for item in found
            if (isinstance(item, Route) and item.table == own)
            or (isinstance(item, Rule) and (last or item.table == own))
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
        case Rule():
            return 1, str(item)
        case _:
            return 2, str(item)
