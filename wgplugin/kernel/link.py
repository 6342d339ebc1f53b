"""The link for published ports, at its inside end: in a container or a shared network's router.

Its other end is made in the namespace of the thread that does it: the host's. Every function takes
the open sockets of the inside, and raises OSError if the kernel refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path, PurePath

from wgplugin.kernel import link_messages, sysctl
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.link_messages import SET_LINK, SRC_VMARK, Link
from wgplugin.kernel.rtnl import Routing, delete, existing, find, here, send
from wgplugin.kernel.setns import apart, enter, opened
from wgplugin.kernel.setting import change, set_addresses, set_link
from wgplugin.kernel.space import Space
from wgplugin.model import namespace, published
from wgplugin.model.namespace import Item
from wgplugin.model.published import INSIDE

_ADDRESS = bytes.fromhex("027767707562")
"""The address of both ends on their link layer."""

_OWNER = "ports of "
"""The begin of an inside end's alias, which goes on with the name of the tunnel's device."""

_HOST = Path("/proc/thread-self/ns/net")
_IPV6_OFF = PurePath("net/ipv6/conf", INSIDE, "disable_ipv6")


def make(space: Space, device: str, wanted: published.Link, mtu: int | None = None) -> bool:
    """Make a tunnel's link, unless it is as it should be; return whether it was made.

    ``device``: the tunnel's. ``mtu``: in bytes, of both ends. A leftover of its name on the host is
    replaced. Another tunnel's link is left alone: a namespace has one at a time.
    """
    present = find(space.route, INSIDE)
    if present and (_is_as_made(present, device, mtu) or _is_another_s(present, device)):
        return False
    with opened(_HOST) as outside:
        made = link_messages.twins(INSIDE, _ADDRESS, mtu, wanted.device, outside)
        try:
            send(space.route, made)
        except FileExistsError:
            delete(space.route, INSIDE)
            with here() as host:
                delete(host, wanted.device)
            send(space.route, made)
    index = existing(space.route, INSIDE).index
    space.route.request(SET_LINK, link_messages.set_alias(index, _OWNER + device))
    return True


def own(space: Space, device: str) -> Link | None:
    """Return the inside end of a tunnel's link, None if it has none."""
    present = find(space.route, INSIDE)
    return present if present and present.alias == _OWNER + device else None


def unmake(space: Space, device: str) -> Iterator[str]:
    """Delete a tunnel's link, if it has one; yield the change."""
    if own(space, device):
        delete(space.route, INSIDE)
        yield f"{INSIDE} deleted"


def set_up(
    space: Space, link: Link, wanted: published.Link, *, forwards: bool = False
) -> Iterator[str]:
    """Set the inside end; yield the changes. Marked packets come in by the way answers leave."""
    if link.setting(SRC_VMARK) == 0:
        space.route.request(SET_LINK, link_messages.set_ipv4(link.index, SRC_VMARK, 1))
        yield f"{INSIDE}: src_valid_mark on"
    yield from set_link(space, link, None, forwards=forwards)
    if 6 not in link.families and has_ipv6():
        # Docker may have disabled IPv6 for all devices to come.
        with space.route.namespace() as inside:
            apart(lambda: _enable_ipv6(inside))
        yield f"{INSIDE}: IPv6 on"
    yield from set_addresses(space, existing(space.route, INSIDE), wanted.addresses)


def set_answers(space: Space, owner: int, link: Link, wanted: Collection[Item]) -> Iterator[str]:
    """Set the routes and rules by which answers leave by a link; yield the changes."""
    routing = Routing(space.route)
    found = routing.answers(owner, link.index)
    add = frozenset(wanted) - found.items
    yield from change(routing, link, add, namespace.own(found) - frozenset(wanted))


def _is_as_made(link: Link, device: str, mtu: int | None) -> bool:
    return (
        (link.alias, link.group, link.address, link.has_arp)
        == (_OWNER + device, published.GROUP, _ADDRESS, False)
    ) and mtu in (None, link.mtu)


def _is_another_s(link: Link, device: str) -> bool:
    return link.alias.startswith(_OWNER) and link.alias != _OWNER + device


def _enable_ipv6(namespace_of_link: int) -> None:
    enter(namespace_of_link)
    sysctl.write(_IPV6_OFF, "0")
