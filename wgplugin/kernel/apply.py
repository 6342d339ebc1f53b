"""Work on a tunnel by a thread inside its container's network namespace.

Functions that need the tunnel's device raise GoneError if it isn't there. Every function raises
pyroute2's NetlinkError or OSError if the kernel refuses.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address

from pyroute2.netlink import NETLINK_NETFILTER

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import firewall, nftables
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.rtnl import ROUTE_LOCALNET, Link, Links
from wgplugin.kernel.wireguard import WireGuardSocket
from wgplugin.model import namespace
from wgplugin.model.backends import Observed
from wgplugin.model.device import DeviceConfig, Key, diff, short
from wgplugin.model.namespace import Changes, OtherNetwork, Plan, Route
from wgplugin.model.prefixes import EVERYTHING, Prefix

ROUNDS = 3
"""The number of attempts to set something that a program in the container undoes."""

TIMEOUT = 10.0
"""Seconds to wait for an answer of nftables."""

TRIAL = Plan("", 0, (), tuple(EVERYTHING.values()), dns=IPv4Address("192.0.2.1"))
"""A plan whose nftables need all that any plan's do."""

_SO_SNDBUFFORCE = 32
_SMALL = 200_000
"""A batch of so many bytes fits a socket as it is (net.core.wmem_default)."""

_LACKING = (errno.EOPNOTSUPP, errno.ENOENT, errno.EAFNOSUPPORT)
"""The kernel's answers to a part of nftables that it doesn't have."""


class GoneError(Exception):
    """Raised when the namespace doesn't have the tunnel's device."""


def block_exits(wanted: Plan) -> bool:
    """Block every way out but the tunnel (kill switch), before its device arrives; return True."""
    with Links() as links:
        found = links.found(wanted.owner).items
        links.change(Changes(tuple(namespace.blocked_exits(wanted) - found), ()))
    return True


def is_moved(device: str, expected: Collection[Prefix]) -> bool:
    """Return whether Docker is done with the device: it sets the ``expected`` routes last."""
    with Links() as links:
        link = links.find(device)
        if link is None or not link.up or link.ifname == device:
            return False
        found = links.found(0, link.index, main=True).items
        return {Route(net, namespace.MAIN_TABLE) for net in expected} <= found


def observe(device: str) -> Observed:
    """Return a tunnel's present state, and tune Docker's links again; see Links.tune()."""
    with Links() as links, WireGuardSocket() as wireguard:
        link = _expect(links, device)
        links.tune()
        return Observed(link.ifname, wireguard.get(link.ifname), links.other_networks())


def configure(device: str, change: DeviceConfig) -> bool:
    """Change the device's WireGuard configuration; return True."""
    with Links() as links, WireGuardSocket() as wireguard:
        wireguard.set(_expect(links, device).ifname, change)
    return True


def apply(wanted: Plan, config: DeviceConfig | None, moved: Collection[Key]) -> list[str]:
    """Bring a tunnel in line with its plan; return the changes, worded for a log.

    ``config`` is the device's whole configuration, or None to leave it. ``moved`` are the peers
    whose endpoint was edited; see model.device.diff().

    Raises:
        BackendError: something doesn't stay as it is set.
    """
    done: list[str] = []
    with Links() as links:
        link = _expect(links, wanted.device)
        if config is not None:
            done += _configure(link, config, moved)
        if wanted.mtu and wanted.mtu != link.mtu:
            links.set_mtu(link, wanted.mtu)
            done.append(f"MTU {wanted.mtu}")
        # Only with route_localnet can a query from 127.0.0.1 be redirected out of the container.
        links.set_ipv4(link.index, ROUTE_LOCALNET, int(wanted.dns is not None))
        # Docker disables IPv6 on a device that arrives without an IPv6 address.
        late = (each for each in wanted.addresses if each.version not in link.families)
        done += [f"{each} only from the container's next start on" for each in late]
        for _ in range(ROUNDS):
            found = links.found(wanted.owner, link.index, main=wanted.own_table)
            todo = namespace.changes(wanted, link.families, found)
            if not todo:
                return done
            links.change(todo, link.index)
            done += [f"{item} added" for item in todo.add]
            done += [f"{item} removed" for item in todo.delete]
    message = f"the container's network doesn't stay as it is set: {', '.join(done)}"
    raise BackendError(Code.NOT_SET_UP, message)


def apply_firewall(wanted: Plan) -> frozenset[OtherNetwork]:
    """Create or replace a tunnel's nftables; return the other networks that they know.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    with Links() as links:
        links.tune()
        others = links.other_networks()
    try:
        _install(firewall.table(wanted, others))
    except OSError as error:
        message = f"the kernel's nftables can't do it: {error.strerror}"
        raise BackendError(Code.NO_NFTABLES, message) from None
    _apply_frames(wanted, others)
    return others


def check_firewall() -> bool:
    """Try the nftables of a plan; return whether the kernel can stop frames.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    apply_firewall(TRIAL)
    return _apply_frames(TRIAL, frozenset({OtherNetwork("lo", frozenset())}))


def clear(device: str, owner: int) -> None:
    """Remove everything of a tunnel from the namespace, except its device and its addresses."""
    name = firewall.table_name(owner)
    for family in (nftables.INET, nftables.NETDEV):
        with contextlib.suppress(OSError):
            _delete(name, family)
    with Links() as links:
        link = links.find(device)
        index = link.index if link else 0
        links.change(namespace.removal(links.found(owner, index)), index)


def _apply_frames(wanted: Plan, others: frozenset[OtherNetwork]) -> bool:
    """Stop frames, by as much as the kernel has; return whether it can."""
    for routed in (True, False):
        table = firewall.frame_table(wanted, others, routed=routed)
        try:
            if table:
                _install(table)
            else:
                _delete(firewall.table_name(wanted.owner), nftables.NETDEV)
        except OSError as error:
            if error.errno not in _LACKING:
                message = f"the kernel's nftables can't stop frames: {error.strerror}"
                raise BackendError(Code.NO_NFTABLES, message) from None
        else:
            return True
    return False


def _expect(links: Links, device: str) -> Link:
    link = links.find(device)
    if link is None:
        raise GoneError
    return link


def _configure(link: Link, config: DeviceConfig, moved: Collection[Key]) -> Iterator[str]:
    with WireGuardSocket() as wireguard:
        change = diff(wireguard.get(link.ifname), config, moved)
        if change != DeviceConfig():
            wireguard.set(link.ifname, change)
    yield from _describe(change)


def _describe(change: DeviceConfig) -> Iterator[str]:
    if change.private_key:
        yield "private key changed"
    if change.listen_port is not None:
        yield f"listen port {change.listen_port}"
    if change.fwmark is not None:
        yield f"fwmark {change.fwmark}"
    for peer in change.peers:
        yield f"peer {short(peer.public_key)} {'removed' if peer.remove else 'set'}"


def _install(table: Table) -> None:
    try:
        _send(nftables.create_table(table))
    except FileExistsError:
        _send(nftables.replace_table(table))


def _delete(name: str, family: int) -> None:
    """Delete a table, if there is one; raise OSError if the kernel refuses."""
    try:
        _send(nftables.delete_table(name, family))
    except OSError as error:
        if error.errno not in _LACKING:
            raise


def _send(messages: list[bytes]) -> None:
    """Send a batch of nftables messages; raise OSError if the kernel refuses one."""
    batch = b"".join(messages)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as connection:
        if len(batch) > _SMALL:
            connection.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 2 * len(batch))
        connection.settimeout(TIMEOUT)
        connection.send(batch)
        # The first answer is that to the first message that fails, or else to the last one.
        code = -struct.unpack_from("=i", connection.recv(65536), 16)[0]
    if code:
        raise OSError(code, os.strerror(code))
