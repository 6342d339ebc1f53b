"""Links, addresses, routes and rules of one network namespace, by rtnetlink."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from socket import NETLINK_ROUTE

from wgplugin.kernel import link_messages, rtnl_messages
from wgplugin.kernel.attributes import Message
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.link_messages import ARP_IGNORE, GET_LINKS, RP_FILTER, SET_LINK, Link
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.rtnl_messages import GET_ADDRESSES, GET_ROUTES, GET_RULES
from wgplugin.model import namespace, published
from wgplugin.model.namespace import (
    MAIN_TABLE,
    TABLE,
    Changes,
    DeviceAddress,
    Found,
    Item,
    OtherNetwork,
    PolicyRule,
    Route,
)
from wgplugin.model.prefixes import Prefix

_STRICT, _LOOSE = 1, 2
_OWN_TARGETS = 1
PROTO_KERNEL, _SET = 2, (3, 4)
_DONE_BY_OTHERS = (errno.EEXIST, errno.ESRCH, errno.ENOENT, errno.EADDRNOTAVAIL)


def find(socket: NetlinkSocket, ifname: str) -> Link | None:
    """Return a link of a socket's namespace by its name; None if there is none.

    Raises OSError if the kernel refuses.
    """
    try:
        answer = socket.ask(GET_LINKS, link_messages.get_link(ifname))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None
    return next(link_messages.links([answer]))


def send(socket: NetlinkSocket, message: Message) -> None:
    """Send a message that the kernel only acknowledges; raise OSError if it refuses."""
    kind, flags, body = message
    socket.request(kind, body, flags)


def existing(socket: NetlinkSocket, ifname: str) -> Link:
    """Return a link that is there; raise OSError if it isn't."""
    link = find(socket, ifname)
    if link is None:
        raise OSError(errno.ENODEV, f"there is no device {ifname}")
    return link


def here() -> contextlib.closing[NetlinkSocket]:
    """Open a socket in this thread's namespace: the host's, but for threads that left it."""
    return contextlib.closing(NetlinkSocket(NETLINK_ROUTE))


def delete(socket: NetlinkSocket, ifname: str) -> None:
    """Delete a link; a missing one is no error. Raises OSError if the kernel refuses."""
    try:
        send(socket, link_messages.delete(ifname))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


class Routing:
    """The addresses, routes and rules of a socket's network namespace.

    Every method raises OSError if the kernel refuses.
    """

    def __init__(self, socket: NetlinkSocket) -> None:
        self._socket = socket

    def found(self, owner: int, index: int = 0, *, main: bool = False) -> Found:
        """Return a tunnel's items, and the rules of all tunnels.

        ``owner`` is the number of the tunnel's network. ``index`` is its device's index, 0 if it
        isn't there yet. ``main`` includes the routes that Docker has set in the main table.
        """
        found = self._found(TABLE, namespace.PRIORITIES, owner, index)
        items: set[Item] = set(self._addresses(index)) if index else set()
        if main:
            items |= self.main_routes(index)
        return replace(found, items=found.items | items)

    def answers(self, owner: int, index: int) -> Found:
        """Return what leads answers out by a device, and the rules of all; see found()."""
        return self._found(published.TABLE, published.PRIORITIES, owner, index)

    def main_routes(self, index: int) -> set[Route]:
        """Return the routes into a device that Docker has set in the main table."""
        return {replace(route, metric=0) for route in self.set_routes(index)}

    def set_routes(self, index: int) -> set[Route]:
        """Return the routes into a device in the main table, except those of the kernel."""
        return {
            route
            for route, link, protocol in self.routes(MAIN_TABLE)
            if link == index != 0 and protocol != PROTO_KERNEL
        }

    def routes(self, table: int) -> Iterator[tuple[Route, int, int]]:
        """Yield a table's routes, each with its link's index and its protocol."""
        for version in _versions():
            with contextlib.suppress(FileNotFoundError):
                request = rtnl_messages.list_routes(version, table)
                yield from rtnl_messages.routes(self._socket.dump(GET_ROUTES, request), version)

    def addresses(self, index: int) -> set[DeviceAddress]:
        """Return a device's addresses, with those that are link-local."""
        found = self._socket.dump(GET_ADDRESSES, rtnl_messages.list_addresses(index))
        return {DeviceAddress(each.interface) for each in rtnl_messages.addresses(found)}

    def change(self, todo: Changes, index: int = 0) -> None:
        """Make changes to the tunnel on the device of this index; skip those already made.

        The error of a change that the kernel refuses names its item. Those after it may be made.
        """
        self._change("add", rtnl_messages.addition, todo.add, index)
        self._change("del", rtnl_messages.deletion, todo.delete, index)

    def _found(self, table: int, priorities: Sequence[int], owner: int, index: int) -> Found:
        items: set[Item] = set()
        others = set()
        for route, link, _ in self.routes(table):
            is_device_s = link == index != 0
            if is_device_s if route.kind == "device" else namespace.owner(route) == owner:
                items.add(route)
            else:
                others.add(route.destination.version)
        for version in _versions():
            found = self._socket.dump(GET_RULES, rtnl_messages.list_rules(version))
            rules = rtnl_messages.rules(found, version)
            items.update(rule for rule in rules if rule.priority in priorities)
        return Found(frozenset(items), frozenset(others))

    def _change(
        self, verb: str, message: Callable[[Item, int], Message], items: Sequence[Item], index: int
    ) -> None:
        here = [
            item
            for item in items
            if not isinstance(item, PolicyRule) or item.version in _versions()
        ]
        errors = self._socket.batch([message(item, index) for item in here])
        for place, error in errors.items():
            if error.errno not in _DONE_BY_OTHERS:
                raise OSError(error.errno, f"{error.strerror} ({verb} {here[place]})")

    def _addresses(self, index: int) -> Iterator[DeviceAddress]:
        found = self._socket.dump(GET_ADDRESSES, rtnl_messages.list_addresses(index))
        for address in rtnl_messages.addresses(found):
            if not address.is_link_local:
                yield DeviceAddress(address.interface)


class Links(Routing):
    """The links of a socket's network namespace, as they are when this is made; see `Routing`."""

    def __init__(self, socket: NetlinkSocket) -> None:
        super().__init__(socket)
        self._all = tuple(link_messages.links(socket.dump(GET_LINKS, link_messages.list_links())))

    def find(self, device: str) -> Link | None:
        """Return a device by its name here or on the host (its alias); None if it isn't here."""
        return next((link for link in self._all if device in (link.alias, link.ifname)), None)

    def all(self) -> tuple[Link, ...]:
        """Return all links."""
        return self._all

    def set_up(self, link: Link) -> None:
        """Set a link up."""
        self._socket.request(SET_LINK, link_messages.set_up(link.index))

    def set_mtu(self, link: Link, mtu: int) -> None:
        """Change a link's MTU, in bytes."""
        self._socket.request(SET_LINK, link_messages.set_mtu(link.index, mtu))

    def set_group(self, link: Link) -> None:
        """Put a link into the group of the tunnels' devices."""
        self._socket.request(SET_LINK, link_messages.set_group(link.index))

    def set_ipv4(self, link: Link, setting: int, value: int) -> None:
        """Change a link's IPv4 setting, as sysctl(8) would; /proc/sys is read-only here.

        Nothing is written if the link had the value already.
        """
        if link.setting(setting) != value:
            self._socket.request(SET_LINK, link_messages.set_ipv4(link.index, setting, value))

    def tune(self) -> None:
        """Tune Docker's links to a tunnel: loosen a strict rp_filter, and set arp_ignore to 1.

        Strict drops packets of clients in other networks if the route to them is the tunnel. With
        arp_ignore, neighbours there get no answer for a tunnel's address.
        """
        for link in self._others():
            if link.setting(RP_FILTER) == _STRICT:
                self.set_ipv4(link, RP_FILTER, _LOOSE)
            if link.setting(ARP_IGNORE) == 0:
                self.set_ipv4(link, ARP_IGNORE, _OWN_TARGETS)

    def other_networks(self) -> frozenset[OtherNetwork]:
        """Return the other networks, as somebody has set them up: not by router advertisements.

        An IPv6 link-local subnet is no part of them: every link has it, once it is up.
        """
        subnets: dict[int, set[Prefix]] = {link.index: set() for link in self._others()}
        found = self._socket.dump(GET_ADDRESSES, rtnl_messages.list_addresses())
        for address in rtnl_messages.addresses(found):
            subnet = address.interface.network
            is_everywhere = subnet.version == 6 and subnet.is_link_local
            if address.index in subnets and address.is_permanent and not is_everywhere:
                subnets[address.index].add(subnet)
        for route, index, protocol in self.routes(MAIN_TABLE):
            if index in subnets and protocol in _SET and route.destination.prefixlen:
                subnets[index].add(route.destination)
        return frozenset(
            OtherNetwork(link.ifname, frozenset(subnets[link.index])) for link in self._others()
        )

    def _others(self) -> Iterator[Link]:
        return (link for link in self._all if link.is_another_network_s)


def _versions() -> tuple[int, ...]:
    """Return the IP versions of this host."""
    return (4, 6) if has_ipv6() else (4,)
