"""Work in a shared network's router, by its namespace's open sockets.

What is made on the host, is made in the namespace of the thread that does it. Every function raises
OSError if the kernel refuses.
"""

from __future__ import annotations

import contextlib
import errno
import re
import socket
from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_interface

from wgplugin.kernel import apply as tunnels
from wgplugin.kernel import link_messages, sysctl
from wgplugin.kernel.attributes import Message
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.link_messages import FORWARDING, GET_NETCONF, SET_LINK, Link
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.router_table import router_table
from wgplugin.kernel.rtnl import Links, Routing, find
from wgplugin.kernel.setns import apart, enter
from wgplugin.kernel.space import Seen, Space
from wgplugin.model.backends import RouterApplied
from wgplugin.model.device import DeviceConfig, Key
from wgplugin.model.identity import DEVICE_PREFIX
from wgplugin.model.namespace import MAIN_TABLE, Changes, DeviceAddress, Item, Route
from wgplugin.model.prefixes import InterfaceAddress
from wgplugin.model.router import BRIDGE, DEVICE, RouterPlan

NEXT_HOP = ip_interface("fe80::99/64")
"""The bridge's address for containers that have no IPv6 subnet."""

PORT_PREFIX = "wgr"
PORT = re.compile(rf"{PORT_PREFIX}[0-9a-f]{{12}}")
"""The name of the router's end of a veth, which ends like that of the container's end."""

METRIC = 1
"""The metric of the routes into the tunnel: the kernel's own have another."""

_ADDRESS_PREFIX = bytes.fromhex("027767")
"""The begin of a bridge's address. One without an address of its own would take a port's."""


def adopt(space: Space, device: str) -> None:
    """Take a WireGuard device from the host; see `Router`."""
    for link in Links(space.route).all():
        if link.ifname == DEVICE or link.alias == device:
            _send(space.route, link_messages.delete(link.ifname))
    with _host() as host:
        index = _index(device)
        host.request(SET_LINK, link_messages.move(index, DEVICE, space.namespace))


def apply(
    space: Space, wanted: RouterPlan, config: DeviceConfig, moved: Collection[Key] = ()
) -> RouterApplied:
    """Bring a router in line with its plan; see `Router`.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    # First what stops packets, then what lets them pass.
    done = [*_filter(space, wanted), *_forward_ipv6(space), *_set_bridge(space, wanted)]
    done += _set_ports(space, wanted)
    link = find(space.route, DEVICE)
    if link and link.alias == wanted.device:
        try:
            done += _set_device(space, link, wanted, config, moved)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
        else:
            return RouterApplied(True, tuple(done))
    return RouterApplied(False, tuple(done))


def attach(space: Space, ifname: str, mac_address: str, wanted: RouterPlan) -> None:
    """Make a veth whose one end is on the host, and the other a port; see `Router`."""
    port = PORT_PREFIX + ifname.removeprefix(DEVICE_PREFIX)
    address = bytes.fromhex(mac_address.replace(":", ""))
    made = link_messages.veth(ifname, address, wanted.mtu, port, space.namespace)
    with _host() as host:
        try:
            _send(host, made)
        except FileExistsError:
            _delete(host, ifname)
            _delete(space.route, port)
            _send(host, made)
        host.request(SET_LINK, link_messages.set_alias(_index(ifname), ifname))
    list(_filter(space, wanted))
    bridge = find(space.route, BRIDGE)
    if bridge is None:
        list(_set_bridge(space, wanted))
        bridge = _found(space, BRIDGE)
    list(_set_port(space, _found(space, port), bridge, wanted))


def ports(space: Space) -> frozenset[str]:
    """Return the names of the veths' ends that aren't the router's; see `Router`."""
    return frozenset(
        DEVICE_PREFIX + link.ifname.removeprefix(PORT_PREFIX)
        for link in Links(space.route).all()
        if PORT.fullmatch(link.ifname)
    )


def empty(route: NetlinkSocket) -> None:
    """Delete a router's devices, given a socket in it: its namespace may live for a while."""
    for link in Links(route).all():
        if link.ifname in (DEVICE, BRIDGE) or PORT.fullmatch(link.ifname):
            _delete(route, link.ifname)


def _filter(space: Space, wanted: RouterPlan) -> Iterator[str]:
    """Install the nftables, unless they stand; yield the change."""
    table = router_table(wanted)
    if table == space.table and tunnels.is_guarded(space):
        return
    space.guard.installed(wanted.owner, False)
    with tunnels.nftables_errors("the kernel's nftables can't do it: "):
        alone = tunnels.change_tables(space, lambda netfilter: netfilter.install(table))
    space.guard.installed(wanted.owner, alone)
    space.table = table
    yield "nftables installed"


def _forward_ipv6(space: Space) -> Iterator[str]:
    """Let the namespace forward IPv6, which can't be set by device; yield the change."""

    def write() -> None:
        enter(space.namespace)
        sysctl.write(sysctl.IPV6_FORWARDING, "1")

    if has_ipv6():
        answer = space.route.ask(GET_NETCONF, link_messages.get_ipv6_forwarding())
        if not link_messages.is_ipv6_forwarded(answer):
            apart(write)
            yield "IPv6 forwarding on"


def _set_bridge(space: Space, wanted: RouterPlan) -> Iterator[str]:
    """Make and set the bridge; yield the changes."""
    address = _ADDRESS_PREFIX + (wanted.owner & 0xFFFFFF).to_bytes(3)
    link = find(space.route, BRIDGE)
    if link is None:
        _send(space.route, link_messages.bridge(BRIDGE, address))
        link = _found(space, BRIDGE)
        yield f"{BRIDGE} made"
    if link.address != address:
        space.route.request(SET_LINK, link_messages.set_address(link.index, address))
        yield f"{BRIDGE}: link address set"
    yield from _set_link(space, link, wanted.mtu, forwards=True)
    yield from _set_addresses(space, link, (*wanted.gateways, NEXT_HOP))


def _set_ports(space: Space, wanted: RouterPlan) -> Iterator[str]:
    """Set the bridge's ports; yield the changes."""
    links = Links(space.route)
    bridge = links.find(BRIDGE)
    for link in links.all():
        if bridge and PORT.fullmatch(link.ifname):
            yield from _set_port(space, link, bridge, wanted)


def _set_port(space: Space, link: Link, bridge: Link, wanted: RouterPlan) -> Iterator[str]:
    """Set a port of the bridge; yield the changes."""
    is_new = link.master != bridge.index
    if is_new:
        space.route.request(SET_LINK, link_messages.enslave(link.index, bridge.index))
        yield f"{link.ifname}: made a port"
    if link.is_isolated != wanted.isolate or (is_new and wanted.isolate):
        _send(space.route, link_messages.isolate(link.index, wanted.isolate))
        yield f"{link.ifname}: {'isolated' if wanted.isolate else 'not isolated'}"
    yield from _set_link(space, link, wanted.mtu)


def _set_device(
    space: Space, link: Link, wanted: RouterPlan, config: DeviceConfig, moved: Collection[Key]
) -> Iterator[str]:
    """Set the WireGuard device; yield the changes. A route needs a device that is up."""
    yield from tunnels.set_wireguard(space, link, config, moved)
    yield from _set_link(space, link, wanted.mtu, forwards=True)
    yield from _set_addresses(space, link, wanted.addresses)
    yield from _set_routes(space, link, wanted)
    space.seen[wanted.device] = Seen(link.index, frozenset())


def _set_link(
    space: Space, link: Link, mtu: int | None, *, forwards: bool = False
) -> Iterator[str]:
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


def _set_addresses(
    space: Space, link: Link, addresses: Iterable[InterfaceAddress]
) -> Iterator[str]:
    """Set a link's addresses; leave the kernel's own, which are link-local."""
    routing = Routing(space.route)
    present = routing.addresses(link.index)
    planned = {DeviceAddress(each) for each in addresses if each.version in link.families}
    stale = {each for each in present - planned if not _is_link_local(each)}
    yield from _change(routing, link, planned - present, stale)


def _set_routes(space: Space, link: Link, wanted: RouterPlan) -> Iterator[str]:
    """Set the routes into the tunnel; without one, senders learn at once that there is none."""
    routing = Routing(space.route)
    subnets = {each.network for each in wanted.gateways}
    planned = {
        Route(net, MAIN_TABLE, metric=METRIC)
        for net in wanted.routed
        if net not in subnets and net.version in link.families and not wanted.internal
    }
    present = routing.set_routes(link.index)
    yield from _change(routing, link, planned - present, present - planned)


def _change(
    routing: Routing, link: Link, add: Collection[Item], delete: Collection[Item]
) -> Iterator[str]:
    # In this order: to delete a subnet's first address deletes its others, too.
    routing.change(Changes((), tuple(delete)), link.index)
    routing.change(Changes(tuple(add), ()), link.index)
    for each in (*tunnels.told(tuple(add), "added"), *tunnels.told(tuple(delete), "removed")):
        yield f"{link.ifname}: {each}"


def _is_link_local(address: DeviceAddress) -> bool:
    return address.interface.version == 6 and address.interface.is_link_local


def _found(space: Space, ifname: str) -> Link:
    link = find(space.route, ifname)
    if link is None:
        raise OSError(errno.ENODEV, f"there is no device {ifname}")
    return link


def _index(ifname: str) -> int:
    """Return the index of a link in this thread's namespace."""
    try:
        return socket.if_nametoindex(ifname)
    except OSError:
        raise OSError(errno.ENODEV, f"there is no device {ifname}") from None


def _host() -> contextlib.closing[NetlinkSocket]:
    """Return a socket in this thread's namespace: the host's."""
    return contextlib.closing(NetlinkSocket(socket.NETLINK_ROUTE))


def _send(connection: NetlinkSocket, message: Message) -> None:
    kind, flags, body = message
    connection.request(kind, body, flags)


def _delete(connection: NetlinkSocket, ifname: str) -> None:
    """Delete a link; a missing one is no error."""
    try:
        _send(connection, link_messages.delete(ifname))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
