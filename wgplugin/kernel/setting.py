"""Sets a link of a namespace, by the namespace's open sockets; yields the changes for a log.

Every function raises OSError if the kernel refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from wgplugin.kernel import link_messages
from wgplugin.kernel.link_messages import FORWARDING, SET_LINK, Link
from wgplugin.kernel.rtnl import Routing
from wgplugin.kernel.space import Space
from wgplugin.model.namespace import Changes, DeviceAddress, Item, told
from wgplugin.model.prefixes import InterfaceAddress


def set_link(space: Space, link: Link, mtu: int | None, *, forwards: bool = False) -> Iterator[str]:
    """Set a link up, with its MTU in bytes (None leaves it); ``forwards``: IPv4 packets, too."""
    route = space.route
    if mtu and mtu != link.mtu:
        route.request(SET_LINK, link_messages.set_mtu(link.index, mtu))
        yield f"{link.ifname}: MTU {mtu}"
    if forwards and link.setting(FORWARDING) == 0:
        route.request(SET_LINK, link_messages.set_ipv4(link.index, FORWARDING, 1))
        yield f"{link.ifname}: IPv4 forwarding on"
    if not link.up:
        route.request(SET_LINK, link_messages.set_up(link.index))
        yield f"{link.ifname}: set up"


def set_addresses(space: Space, link: Link, addresses: Iterable[InterfaceAddress]) -> Iterator[str]:
    """Set a link's addresses; leave the kernel's own, which are link-local."""
    routing = Routing(space.route)
    present = routing.addresses(link.index)
    planned = {DeviceAddress(each) for each in addresses if each.version in link.families}
    stale = {each for each in present - planned if not _is_link_local(each)}
    yield from change(routing, link, planned - present, stale)


def change(
    routing: Routing, link: Link, add: Collection[Item], delete: Collection[Item]
) -> Iterator[str]:
    """Change a link's items."""
    # In this order: to delete a subnet's first address deletes its others, too.
    routing.change(Changes((), tuple(delete)), link.index)
    routing.change(Changes(tuple(add), ()), link.index)
    for each in (*told(add, "added"), *told(delete, "removed")):
        yield f"{link.ifname}: {each}"


def _is_link_local(address: DeviceAddress) -> bool:
    return address.interface.version == 6 and address.interface.is_link_local
