"""Work on a tunnel in its container's network namespace, by the namespace's open sockets.

Every function raises OSError if the kernel refuses.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import firewall, nftables
from wgplugin.kernel import link as ports
from wgplugin.kernel.link_messages import ROUTE_LOCALNET, Link
from wgplugin.kernel.netfilter import LACKING, NetfilterSocket
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.space import Seen, Space
from wgplugin.model import answers, namespace
from wgplugin.model.backends import Applied, Observed
from wgplugin.model.device import DeviceConfig, Key, describe, diff
from wgplugin.model.namespace import Changes, OtherNetwork, Plan
from wgplugin.model.prefixes import EVERYTHING, Prefix
from wgplugin.model.published import INSIDE

ROUNDS = 3
"""The number of attempts to set something that a program in the container undoes."""

TRIAL = Plan("", 0, (), tuple(EVERYTHING.values()), dns=IPv4Address("192.0.2.1"))
"""A plan whose nftables need all that any plan's do."""


def block_exits(space: Space, wanted: Plan) -> frozenset[OtherNetwork]:
    """Block every way out but the tunnel (kill switch); return the other networks."""
    links = Links(space.route)
    links.tune()
    found = links.found(wanted.owner).items
    links.change(Changes(tuple(namespace.blocked_exits(wanted) - found), ()))
    return links.other_networks()


def apply(
    space: Space,
    wanted: Plan,
    config: DeviceConfig | None,
    moved: Collection[Key] = (),
    *,
    expected: Collection[Prefix] = (),
    arrived: bool = False,
) -> Applied:
    """Bring a tunnel in line with its plan; see model.backends.Container.

    Raises:
        BackendError: something doesn't stay as it is set.
    """
    links = Links(space.route)
    link = links.find(wanted.device)
    if link and _is_ready(links, link, wanted.device, expected, arrived):
        with _device_may_go():
            done: list[str] = []
            if not link.is_tunnel_s:
                links.set_group(link)
                done.append(f"link group {namespace.GROUP}")
                links = Links(space.route)
            links.tune()
            done += _set(space, links, link, wanted, config, moved)
            done += _settle(links, link, wanted)
            if wanted.link or wanted.answers or links.find(INSIDE):
                done += _answer(space, link, wanted)
            return Applied(True, links.other_networks(), tuple(done), is_guarded(space))
    return Applied(False, links.other_networks(), guarded=is_guarded(space))


def observe(space: Space, device: str) -> Observed | None:
    """Return a tunnel's present state, None if its device isn't there; write nothing."""
    for index in _indexes(space, device):
        with _device_may_go():
            ifname, found = space.wireguard.get(index)
            return Observed(ifname, found, is_guarded(space))
    return None


def is_guarded(space: Space) -> bool:
    """Return whether nobody has changed nftables since the tunnels' were installed."""
    return space.guard.is_complete() and space.guard.holds(space.netfilter.generation())


def configure(space: Space, device: str, change: DeviceConfig) -> bool:
    """Change a device's WireGuard configuration; return whether the device was there."""
    link = Links(space.route).find(device)
    if link:
        with _device_may_go():
            space.wireguard.set(link.index, change)
            return True
    return False


def apply_firewall(space: Space, wanted: Plan, others: Collection[OtherNetwork]) -> None:
    """Create or replace a tunnel's nftables, which know the other networks.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    space.guard.installed(wanted.owner, False)
    if not ports.own(space, wanted.device):
        wanted = replace(wanted, link=None)
    with nftables_errors("the kernel's nftables can't do it: "):
        alone = change_tables(space, lambda netfilter: _install(netfilter, wanted, others))
    space.guard.installed(wanted.owner, alone)


def check_firewall(netfilter: NetfilterSocket) -> bool:
    """Try the nftables of a plan; return whether the kernel can stop frames.

    Raises:
        BackendError: the kernel lacks a part of nftables.
    """
    with nftables_errors("the kernel's nftables can't do it: "):
        return _install(netfilter, TRIAL, (OtherNetwork("lo", frozenset()),))


def clear(space: Space, device: str, owner: int) -> None:
    """Remove everything of a tunnel from the namespace, except its device and its addresses."""
    space.guard.removed(owner)
    space.seen.pop(device, None)
    with contextlib.suppress(OSError):
        change_tables(space, lambda netfilter: _remove(netfilter, owner))
    links = Links(space.route)
    link = links.find(device)
    index = link.index if link else 0
    links.change(namespace.removal(links.found(owner, index)), index)
    list(ports.unmake(space, device))
    links.change(namespace.removal(links.answers(owner, index)), index)


def _is_ready(
    links: Links, link: Link, device: str, expected: Collection[Prefix], arrived: bool
) -> bool:
    """Return whether Docker is done: it renames the device, sets it up, and sets routes last."""
    if link.ifname == device:
        return False
    if arrived:
        return True
    present = {route.destination for route in links.main_routes(link.index)}
    return link.up and present.issuperset(expected)


def _set(
    space: Space,
    links: Links,
    link: Link,
    wanted: Plan,
    config: DeviceConfig | None,
    moved: Collection[Key],
) -> Iterator[str]:
    """Set the device itself; yield the changes."""
    if config:
        yield from set_wireguard(space, link, config, moved)
    if wanted.mtu and wanted.mtu != link.mtu:
        links.set_mtu(link, wanted.mtu)
        yield f"MTU {wanted.mtu}"
    if not link.up:
        links.set_up(link)
        yield "set up"
    # Only with route_localnet can a query from 127.0.0.1 be redirected out of the container.
    links.set_ipv4(link, ROUTE_LOCALNET, int(wanted.dns is not None))
    # Docker disables IPv6 on a device that arrives without an IPv6 address.
    late = frozenset(each for each in wanted.addresses if each.version not in link.families)
    seen = Seen(link.index, late)
    if seen != space.seen.get(wanted.device):
        space.seen[wanted.device] = seen
        yield from (f"{each} only from the container's next start on" for each in late)


def set_wireguard(
    space: Space, link: Link, config: DeviceConfig, moved: Collection[Key]
) -> Iterator[str]:
    """Set a device's WireGuard configuration; yield the changes."""
    _, present = space.wireguard.get(link.index)
    change = diff(present, config, moved)
    if change != DeviceConfig():
        space.wireguard.set(link.index, change)
        yield from describe(change)


def _settle(links: Links, link: Link, wanted: Plan) -> Iterator[str]:
    """Set the addresses, routes and rules; yield the changes."""
    done: list[str] = []
    for _ in range(ROUNDS):
        found = links.found(wanted.owner, link.index, main=wanted.own_table)
        todo = namespace.changes(wanted, link.families, found)
        if not todo:
            yield from done
            return
        links.change(todo, link.index)
        done += [*namespace.told(todo.add, "added"), *namespace.told(todo.delete, "removed")]
    message = f"the container's network doesn't stay as it is set: {', '.join(done)}"
    raise BackendError(Code.NOT_SET_UP, message)


def _answer(space: Space, link: Link, wanted: Plan) -> Iterator[str]:
    """Set what answers to clients of published ports leave by; yield the changes."""
    if not wanted.link:
        yield from ports.unmake(space, wanted.device)
    elif ports.make(space, wanted.device, wanted.link):
        yield f"{INSIDE} made"
        # The nftables have a part for it, which can't stand without it.
        space.guard.installed(wanted.owner, False)
    planned = answers.container_items(wanted, link.families)
    if wanted.link and (inside := ports.own(space, wanted.device)):
        yield from ports.set_up(space, inside, wanted.link)
        link = inside
    yield from ports.set_answers(space, wanted.owner, link, planned)


def _indexes(space: Space, device: str) -> Iterator[int]:
    """Yield the index that a tunnel's device had when it was set up, then the one that it has."""
    if device in space.seen:
        yield space.seen[device].index
    link = Links(space.route).find(device)
    if link:
        yield link.index


@contextlib.contextmanager
def _device_may_go() -> Iterator[None]:
    """End what is being done if its device goes."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def change_tables(space: Space, work: Callable[[NetfilterSocket], object]) -> bool:
    """Change nftables; return whether nobody else did meanwhile."""
    netfilter = space.netfilter
    before, commits = netfilter.generation(), netfilter.commits
    work(netfilter)
    return space.guard.changed(before, netfilter.commits - commits, netfilter.generation())


def _install(netfilter: NetfilterSocket, wanted: Plan, others: Collection[OtherNetwork]) -> bool:
    """Install a plan's tables; return whether the kernel can stop frames."""
    netfilter.install(firewall.table(wanted, others))
    with nftables_errors("the kernel's nftables can't stop frames: "):
        return _install_frames(netfilter, wanted, others)


def _install_frames(
    netfilter: NetfilterSocket, wanted: Plan, others: Collection[OtherNetwork]
) -> bool:
    """Stop frames, by as much as the kernel has; return whether it can."""
    for routed in (True, False):
        table = firewall.frame_table(wanted, others, routed=routed)
        try:
            if table:
                netfilter.install(table)
            else:
                netfilter.delete(firewall.table_name(wanted.owner), nftables.NETDEV)
        except OSError as error:
            if error.errno not in LACKING:
                raise
        else:
            return True
    return False


def _remove(netfilter: NetfilterSocket, owner: int) -> None:
    for family in (nftables.INET, nftables.NETDEV):
        with contextlib.suppress(OSError):
            netfilter.delete(firewall.table_name(owner), family)


@contextlib.contextmanager
def nftables_errors(trouble: str) -> Iterator[None]:
    """Raise BackendError for an error of the kernel; ``trouble`` begins its message."""
    try:
        yield
    except OSError as error:
        raise BackendError(Code.NO_NFTABLES, f"{trouble}{error.strerror}") from None
