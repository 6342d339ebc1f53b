"""The routes and rules by which answers to clients of published ports leave. Pure.

Answers have a mark, whose rule leads to a table of their own. Two more rules are for answers whose
way must be known before they can be marked: TCP's have the link's address, and a datagram may go to
a client that no other route leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from wgplugin.model.namespace import THROW, Item, Plan, PolicyRule, Route
from wgplugin.model.prefixes import EVERYTHING, InterfaceAddress, IPAddress, Prefix
from wgplugin.model.published import (
    HOST_ADDRESSES,
    LAST,
    MARK,
    PRIORITY,
    PROTOCOLS,
    TABLE,
    Link,
)
from wgplugin.model.router import RouterPlan

BY_ROUTE = (PROTOCOLS["udp"], PROTOCOLS["sctp"])
"""The protocols, UDP and SCTP, whose answers have the address of the route that they take, unless
the server asks for another."""

METRIC = 1
"""The metric of the routes: the kernel's own have another."""


def container_items(plan: Plan, families: Iterable[int]) -> frozenset[Item]:
    """Return a container's routes and rules: by its link, or to the router of a shared network.

    ``families`` are those that the tunnel's device can carry.
    """
    if plan.link:
        own = source_addresses(plan, families)
        return frozenset((*_by_link(plan.link, own), *_without_a_mark(plan.link)))
    if plan.answers:
        return frozenset(_to_router(plan))
    return frozenset()


def router_items(plan: RouterPlan) -> frozenset[Item]:
    """Return a router's routes and rules; its containers are reached as without a mark."""
    if not plan.link:
        return frozenset()
    subnets = (each.network for each in plan.gateways)
    return frozenset((*_by_link(plan.link, {}), *_skipped(subnets, plan.owner)))


def source_addresses(plan: Plan, families: Iterable[int]) -> dict[int, IPAddress]:
    """Return the tunnel's addresses that datagrams have as their source, by IP version.

    A server that asks for no address of its own gets that of the tunnel, by most routes.
    """
    families = tuple(families)
    usable = (each for each in reversed(plan.addresses) if each.version in families)
    return {each.version: each.ip for each in usable}


def _by_link(link: Link, sources: dict[int, IPAddress]) -> Iterator[Item]:
    for version in _versions(link.addresses):
        (host,) = (each.ip for each in HOST_ADDRESSES if each.version == version)
        yield Route(
            EVERYTHING[version], TABLE, metric=METRIC, via=host, source=sources.get(version)
        )
        yield PolicyRule(version, PRIORITY, TABLE, mark=MARK)


def _without_a_mark(link: Link) -> Iterator[Item]:
    for address in link.addresses:
        yield PolicyRule(address.version, PRIORITY, TABLE, source=ip_network(address.ip))
        for protocol in BY_ROUTE:
            yield PolicyRule(address.version, LAST, TABLE, protocol=protocol)


def _to_router(plan: Plan) -> Iterator[Item]:
    """Lead answers to the router, which refuses at once what isn't one; neighbours are near."""
    for hop in plan.hops:
        version = hop.version
        yield Route(EVERYTHING[version], TABLE, metric=plan.metric, via=hop)
        yield PolicyRule(version, PRIORITY, TABLE, mark=MARK)
        yield PolicyRule(version, LAST, TABLE)
    yield from _skipped(plan.subnets, plan.owner)


def _skipped(subnets: Iterable[Prefix], owner: int) -> Iterator[Item]:
    for subnet in subnets:
        yield Route(subnet, TABLE, "throw", THROW | owner)


def _versions(addresses: Iterable[InterfaceAddress]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each.version for each in addresses))
