"""The host's ends of links, by which containers with published ports are reached.

Every method raises OSError if the kernel refuses.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from ipaddress import ip_network

from wgplugin.kernel import link_messages, rtnl_messages
from wgplugin.kernel.link_messages import FORWARDING, ROUTE_LOCALNET, SET_LINK, Link
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.rtnl import PROTO_KERNEL, Links
from wgplugin.kernel.rtnl_messages import GET_ADDRESSES, LinkAddress
from wgplugin.model.namespace import (
    LOCAL_TABLE,
    MAIN_TABLE,
    Changes,
    DeviceAddress,
    Item,
    Route,
    told,
)
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import GROUP, HOST_ADDRESSES, LINK_NAME, number_of

METRIC = 1
"""The metric of the routes to containers: the kernel's own have another."""

LOOPBACK = ip_network("::1/128")
"""Answers to the host's ::1 are taken by a device alone that has a route for it.

For packets of the host itself, that of lo comes first, whose metric is 0.
"""

_SETTINGS = {ROUTE_LOCALNET: "route_localnet", FORWARDING: "forwarding"}


class HostLinks:
    """The links of the host, as they are when this is made; the own ones have an alias, ``tag``."""

    def __init__(self, route: NetlinkSocket, tag: str) -> None:
        self._route = route
        self._tag = tag
        self._links = Links(route)
        self._here = {link.ifname: link for link in self._links.all()}

    def find(self, ifname: str) -> Link | None:
        """Return a link by its name."""
        return self._here.get(ifname)

    def exist(self) -> bool:
        """Return whether there are links, of any plugin."""
        return any(map(LINK_NAME.fullmatch, self._here))

    def numbers(self) -> frozenset[int]:
        """Return the numbers of the containers that the host has routes to."""
        return frozenset(
            number
            for route, _, _ in self._links.routes(MAIN_TABLE)
            if route.destination.prefixlen == route.destination.max_prefixlen
            and (number := number_of(route.destination.network_address))
        )

    def addresses(self) -> frozenset[IPAddress]:
        """Return the host's addresses."""
        return frozenset(each.interface.ip for each in self._addresses)

    def has_ipv6(self) -> bool:
        """Return whether others can reach the host by IPv6."""
        own = {each.ip for each in HOST_ADDRESSES}
        return any(
            each.interface.version == 6
            and not (each.is_link_local or each.interface.is_loopback)
            and each.interface.ip not in own
            for each in self._addresses
        )

    def delete_all_but(self, wanted: Collection[str]) -> Iterator[str]:
        """Delete the own links that nobody wants any more; yield the changes."""
        for link in self._links.all():
            if link.alias == self._tag and link.ifname not in wanted:
                kind, flags, body = link_messages.delete(link.ifname)
                try:
                    self._route.request(kind, body, flags)
                except OSError as error:
                    if error.errno != errno.ENODEV:
                        raise
                del self._here[link.ifname]
                yield f"{link.ifname}: deleted"

    def set_up(self, link: Link, containers: Collection[IPAddress]) -> Iterator[str]:
        """Tag a link, and set it to lead to containers' addresses; yield the changes."""
        send = self._route.request
        if link.alias != self._tag:
            send(SET_LINK, link_messages.set_alias(link.index, self._tag))
            yield f"{link.ifname}: alias set"
        if link.group != GROUP:
            send(SET_LINK, link_messages.set_group(link.index, GROUP))
            yield f"{link.ifname}: group set"
        if link.has_arp:
            send(SET_LINK, link_messages.set_resolving_off(link.index))
            yield f"{link.ifname}: ARP off"
        for setting, name in _SETTINGS.items():
            if link.setting(setting) == 0:
                send(SET_LINK, link_messages.set_ipv4(link.index, setting, 1))
                yield f"{link.ifname}: {name} on"
        if not link.up:
            self._links.set_up(link)
            yield f"{link.ifname}: set up"
        planned, present = _planned(link, containers), self._items[link.index]
        add, delete = tuple(planned - present), tuple(present - planned)
        self._links.change(Changes(add, delete), link.index)
        for each in (*told(add, "added"), *told(delete, "removed")):
            yield f"{link.ifname}: {each}"

    @cached_property
    def _addresses(self) -> list[LinkAddress]:
        found = self._route.dump(GET_ADDRESSES, rtnl_messages.list_addresses())
        return list(rtnl_messages.addresses(found))

    @cached_property
    def _items(self) -> Mapping[int, set[Item]]:
        """The addresses and routes by their links' indices, but those of the kernel."""
        items: dict[int, set[Item]] = defaultdict(set)
        for each in self._addresses:
            if each.interface.version == 4 or not each.is_link_local:
                items[each.index].add(DeviceAddress(each.interface))
        for route, index, protocol in self._links.routes(MAIN_TABLE):
            if protocol != PROTO_KERNEL:
                items[index].add(route)
        for route, index, _ in self._links.routes(LOCAL_TABLE):
            if route == _loopback(index):
                items[index].add(route)
        return items


def _planned(link: Link, containers: Collection[IPAddress]) -> set[Item]:
    items: set[Item] = {
        DeviceAddress(each) for each in HOST_ADDRESSES if each.version in link.families
    }
    items |= {Route(ip_network(each), MAIN_TABLE, metric=METRIC) for each in containers}
    if 6 in link.families:
        items.add(_loopback(link.index))
    return items


def _loopback(index: int) -> Route:
    """Return a link's route; of several for one prefix, each needs another metric."""
    return Route(LOOPBACK, LOCAL_TABLE, "local", metric=index)
