"""Work in a shared network's router, by its namespace's open sockets.

What is made on the host, is made in the namespace of the thread that does it. Every function raises
OSError if the kernel refuses.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Collection, Iterator
from ipaddress import ip_interface

from wgplugin.kernel import apply as tunnels
from wgplugin.kernel import link as ports_link
from wgplugin.kernel import link_messages, sysctl
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.link_messages import GET_NETCONF, SET_LINK, Link
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.router_table import router_table
from wgplugin.kernel.rtnl import Links, Routing, delete, existing, find, here, send
from wgplugin.kernel.setns import apart, enter
from wgplugin.kernel.setting import change, set_addresses, set_link
from wgplugin.kernel.space import Seen, Space
from wgplugin.model.answers import router_items
from wgplugin.model.backends import RouterApplied
from wgplugin.model.device import DeviceConfig, Key, PeerConfig, describe
from wgplugin.model.identity import DEVICE_PREFIX
from wgplugin.model.namespace import MAIN_TABLE, Route
from wgplugin.model.published import INSIDE
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
            send(space.route, link_messages.delete(link.ifname))
    with here() as host:
        index = _index(device)
        host.request(SET_LINK, link_messages.move(index, DEVICE, space.namespace))


def apply(
    space: Space, wanted: RouterPlan, config: DeviceConfig, moved: Collection[Key] = ()
) -> RouterApplied:
    """Bring a router in line with its plan; see `Router`.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    table = router_table(wanted)
    # First what stops packets, then what lets them pass.
    done = [*_shut_out(space, wanted.device, table, config), *_filter(space, wanted.owner, table)]
    done += [*_forward_ipv6(space), *_set_bridge(space, wanted)]
    done += [*_set_ports(space, wanted), *_publish(space, wanted)]
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
    with here() as host:
        try:
            send(host, made)
        except FileExistsError:
            delete(host, ifname)
            delete(space.route, port)
            send(host, made)
        host.request(SET_LINK, link_messages.set_alias(_index(ifname), ifname))
    list(_filter(space, wanted.owner, router_table(wanted)))
    bridge = find(space.route, BRIDGE)
    if bridge is None:
        list(_set_bridge(space, wanted))
        bridge = existing(space.route, BRIDGE)
    list(_set_port(space, existing(space.route, port), bridge, wanted))


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
        if link.ifname in (DEVICE, BRIDGE, INSIDE) or PORT.fullmatch(link.ifname):
            delete(route, link.ifname)


def _shut_out(space: Space, device: str, table: Table, config: DeviceConfig) -> Iterator[str]:
    """Remove the peers that aren't wanted before a table lifts their limits; yield the changes."""
    if table == space.table:
        return
    link = find(space.route, DEVICE)
    if not link or link.alias != device:
        return
    staying = {peer.public_key for peer in config.peers}
    _, present = space.wireguard.get(link.index)
    keys = [peer.public_key for peer in present.peers if peer.public_key not in staying]
    if keys:
        change = DeviceConfig(peers=tuple(PeerConfig(key, remove=True) for key in keys))
        space.wireguard.set(link.index, change)
        yield from describe(change)


def _filter(space: Space, owner: int, table: Table) -> Iterator[str]:
    """Install the nftables, unless they stand; yield the change."""
    if table == space.table and tunnels.is_guarded(space):
        return
    space.guard.installed(owner, False)
    with tunnels.nftables_errors("the kernel's nftables can't do it: "):
        alone = tunnels.change_tables(space, lambda netfilter: netfilter.install(table))
    space.guard.installed(owner, alone)
    space.table = table
    yield "nftables installed"


def _forward_ipv6(space: Space) -> Iterator[str]:
    """Let the namespace forward IPv6, which can't be set by device; yield the change."""

    def write() -> None:
        enter(space.namespace)
        sysctl.write(sysctl.IPV6_FORWARDING, "1")

    if has_ipv6():
        answer = space.route.ask(GET_NETCONF, link_messages.get_forwarding(6))
        if not link_messages.is_forwarded(answer):
            apart(write)
            yield "IPv6 forwarding on"


def _set_bridge(space: Space, wanted: RouterPlan) -> Iterator[str]:
    """Make and set the bridge; yield the changes."""
    address = _ADDRESS_PREFIX + (wanted.owner & 0xFFFFFF).to_bytes(3)
    link = find(space.route, BRIDGE)
    if link is None:
        send(space.route, link_messages.bridge(BRIDGE, address))
        link = existing(space.route, BRIDGE)
        yield f"{BRIDGE} made"
    if link.address != address:
        space.route.request(SET_LINK, link_messages.set_address(link.index, address))
        yield f"{BRIDGE}: link address set"
    yield from set_link(space, link, wanted.mtu, forwards=True)
    yield from set_addresses(space, link, (*wanted.gateways, NEXT_HOP))


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
        send(space.route, link_messages.isolate(link.index, wanted.isolate))
        yield f"{link.ifname}: {'isolated' if wanted.isolate else 'not isolated'}"
    yield from set_link(space, link, wanted.mtu)


def _publish(space: Space, wanted: RouterPlan) -> Iterator[str]:
    """Have the link for published ports, or none; yield the changes."""
    bridge = existing(space.route, BRIDGE)
    if not wanted.link:
        yield from ports_link.unmake(space, wanted.device)
    elif ports_link.make(space, wanted.device, wanted.link, wanted.mtu):
        yield f"{INSIDE} made"
    inside = ports_link.own(space, wanted.device)
    if wanted.link and inside:
        yield from ports_link.set_up(space, inside, wanted.link, forwards=True)
    yield from ports_link.set_answers(space, wanted.owner, inside or bridge, router_items(wanted))


def _set_device(
    space: Space, link: Link, wanted: RouterPlan, config: DeviceConfig, moved: Collection[Key]
) -> Iterator[str]:
    """Set the WireGuard device; yield the changes. A route needs a device that is up."""
    yield from tunnels.set_wireguard(space, link, config, moved)
    yield from set_link(space, link, wanted.mtu, forwards=True)
    yield from set_addresses(space, link, wanted.addresses)
    yield from _set_routes(space, link, wanted)
    space.seen[wanted.device] = Seen(link.index, frozenset())


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
    yield from change(routing, link, planned - present, present - planned)


def _index(ifname: str) -> int:
    """Return the index of a link in this thread's namespace."""
    try:
        return socket.if_nametoindex(ifname)
    except OSError:
        raise OSError(errno.ENODEV, f"there is no device {ifname}") from None
