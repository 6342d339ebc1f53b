"""The interfaces that the kernel side implements: for the host, containers, and folders. Pure.

Every method raises BackendError if the kernel refuses; the message is for the user.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from wgplugin.errors import BackendError
from wgplugin.model.configuration import Probe
from wgplugin.model.device import Device, DeviceConfig, Key
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.model.published import PortBinding, Publication, PublishedPort
from wgplugin.model.router import RouterPlan


class Location(Enum):
    """The location of a device: the host's network namespace, or that of a container."""

    HOST = auto()
    CONTAINER = auto()


class HostKernel(Protocol):
    """Creates and deletes devices in the network namespace of the host.

    ``families``: the address families that the host has: 4, and 6 unless IPv6 is disabled.
    """

    families: frozenset[int]

    async def create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        """Create and configure a device, and leave it down; ``mtu`` is in bytes.

        A leftover device of the same name is replaced. A listen port in use is an error here, not
        later in the container; a port that gets free within a few seconds is waited for. After an
        error, a device may be left.
        """

    async def delete(self, ifname: str) -> None:
        """Delete a device; a missing one is no error."""

    async def locations(self) -> Mapping[str, Location]:
        """Return the location of each device, by the name that create() gave it."""

    async def answers(self, ifname: str, config: DeviceConfig, patience: float) -> bool:
        """Return whether a peer answers to a configuration within ``patience`` seconds.

        It is tried with a device named ``ifname`` that is deleted at the end. Its peers have no
        allowed IPs, so nothing can come in by it or leave by it. It has any port. Where no peer has
        an endpoint, none can be asked, and the answer is False at once.
        """

    async def had_handshake(self, ifname: str) -> bool | None:
        """Return whether a device in the host's namespace ever had a handshake; None: no device.

        The device is the one that create() made by this name, in use or back from its container.
        """

    async def path_mtu(self, host: IPAddress | None) -> int | None:
        """Return the MTU in bytes of the path to a host (None: by default); None for no path."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The present state of a tunnel's device, named ``ifname`` in its container.

    ``guarded``: whether nobody else has changed nftables since apply_firewall() did; also False if
    this container's tunnels haven't all been through apply_firewall() yet.
    """

    ifname: str
    device: Device
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of applying a plan.

    ``ready``: whether Docker is done with the tunnel's device; if not, nothing was changed.
    ``others``: the other networks of the container. ``done``: the changes, worded for a log.
    ``guarded``: as in `Observed`.
    """

    ready: bool
    others: frozenset[OtherNetwork]
    done: tuple[str, ...] = ()
    guarded: bool = True


class Unseen(Enum):
    """Why a tunnel's device wasn't seen: it isn't there, or work goes on in its container."""

    GONE = auto()
    BUSY = auto()


class Container(Protocol):
    """A container's network namespace, kept open (live edition).

    The namespace lives until close(), even if Docker takes the container away before. The kernel
    does one piece of work at a time for a container; a caller that is cancelled doesn't stop it.
    Every method raises BackendError if the kernel refuses, or doesn't answer in time.
    """

    async def block_exits(self, plan: Plan) -> frozenset[OtherNetwork]:
        """Set up the kill switch before the tunnel's device arrives; return the other networks."""

    async def apply(
        self,
        plan: Plan,
        config: DeviceConfig | None,
        moved: Collection[Key] = (),
        *,
        expected: Collection[Prefix] = (),
        arrived: bool = False,
    ) -> Applied:
        """Bring a tunnel into the planned state, and change only the differences.

        ``config``: the device's complete configuration; None for a veth. ``moved``: as in
        model.device.diff(). ``expected``: the destinations of the routes that Docker sets last.
        ``arrived``: Docker is known to be done, so a device that is down was taken down, and is
        set up.
        """

    async def apply_firewall(self, plan: Plan, others: Collection[OtherNetwork]) -> None:
        """Create or replace the tunnel's nftables, which know the other networks.

        The device needn't be there. A kernel without nftables raises BackendError.
        """

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        """Ask ``target`` through a device; return whether it answered within ``patience`` seconds.

        ``device``: its name on the host. Raises BackendError if it can't be asked from there.
        """

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        """Change a device; return whether it was there."""

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        """Ask Docker's resolver in the container; return its answer to a DNS query.

        It is empty if none comes within so many seconds, None if the container can't be asked.
        """

    async def clear(self, device: str, owner: int) -> None:
        """Remove everything that a tunnel has in the namespace, except its device.

        ``owner`` is the number of the tunnel's network.
        """

    async def changed(self) -> None:
        """Wait for the kernel's next notice of a change of links, addresses, routes or rules.

        Changes by this object's own methods give notice, too.
        """

    def close(self) -> None:
        """Let go of the namespace; nothing can be done in it after that."""


class ContainerKernel(Protocol):
    """Opens containers' network namespaces (live edition), by Docker's keys of them."""

    async def open(self, key: str) -> Container | None:
        """Open a namespace; return None if it isn't there: containers come and go.

        Raises BackendError if it can't be entered.
        """

    def is_open_still(self, container: Container) -> bool:
        """Return whether Docker still has the namespace; if not, it is to be closed."""

    async def observe(
        self, asked: Sequence[tuple[Container | Router, str]], seconds: float
    ) -> list[Observed | Unseen | BackendError]:
        """Look at devices, each given by its container and its name on the host.

        Returns what was seen of each within so many seconds, in the same order; a BackendError is
        returned for one whose container hangs, or where the kernel refuses. Nothing is written.
        """

    async def changed(self) -> None:
        """Wait until Docker may have added a namespace or taken one away."""

    async def check_firewall(self) -> bool:
        """Return whether this kernel can stop frames that programs make themselves.

        A kernel that lacks another part of nftables raises BackendError.
        """


@dataclass(frozen=True, slots=True)
class RouterApplied:
    """What came of applying a router's plan.

    ``ready``: whether its WireGuard device is there; if not, nothing but the bridge was set up.
    ``done``: the changes, worded for a log.
    """

    ready: bool
    done: tuple[str, ...] = ()


class Router(Protocol):
    """The network namespace of a shared network, kept open (live edition); see `Container`."""

    async def adopt(self, device: str) -> None:
        """Take a WireGuard device from the host, where it was made, as the router's own.

        ``device`` is its name there. One that the router has already is replaced.
        """

    async def apply(
        self, plan: RouterPlan, config: DeviceConfig, moved: Collection[Key] = ()
    ) -> RouterApplied:
        """Bring the router in line with its plan, and change only the differences.

        ``config``: the WireGuard device's complete configuration. ``moved``: as in
        model.device.diff().
        """

    async def attach(self, ifname: str, mac_address: str, plan: RouterPlan) -> None:
        """Make a veth on the host, named ``ifname``, whose other end is a port of the bridge.

        A leftover veth of the same name is replaced. After an error, a veth may be left.
        """

    async def ports(self) -> frozenset[str]:
        """Return the names that attach() gave to the veths that exist, wherever they are."""

    async def probe(self, device: str, target: Probe, patience: float) -> bool:
        """Ask ``target`` through a device; return whether it answered within ``patience`` seconds.

        ``device``: its name on the host. Raises BackendError if it can't be asked from there.
        """

    async def configure(self, device: str, change: DeviceConfig) -> bool:
        """Change a WireGuard device; return whether it was there."""

    async def listen(self, addresses: Collection[IPAddress], port: int) -> tuple[int, ...]:
        """Listen on a port, by UDP and TCP, at addresses that the router has or will have.

        Returns the descriptors of the sockets, which are the caller's to close.
        """

    async def changed(self) -> None:
        """Wait for the kernel's next notice of a change; see `Container`."""

    def close(self) -> None:
        """Let go of the namespace, which stays; nothing can be done in it after that."""


class RouterKernel(Protocol):
    """Makes, finds and deletes routers (live edition), by the ids of Docker's networks."""

    async def check(self) -> None:
        """Check that routers can be made, and outlive the plugin; raise BackendError if not."""

    async def networks(self) -> frozenset[str]:
        """Return the ids of the networks that have a router, or the remains of one."""

    async def make(self, network_id: str) -> Router:
        """Open a network's router; make an empty one if it has none."""

    async def is_pinned(self, router: Router) -> bool:
        """Return whether a router will be found by make(); if not, it is pinned again."""

    async def delete(self, network_id: str) -> None:
        """Delete a network's router with its devices; a missing one is no error."""


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing ports.

    ``done``: the changes, worded for a log. ``taken``: those that another program listens on, such
    as Docker for another network of the container; they are left to it. ``closed``: what keeps
    clients outside the host away, and what to do, for the user; empty if nothing does.
    """

    done: tuple[str, ...] = ()
    taken: frozenset[PublishedPort] = frozenset()
    closed: str = ""


class PublishingKernel(Protocol):
    """Publishes containers' ports in the network namespace of the host (live edition)."""

    async def choose(
        self, bindings: Sequence[PortBinding], others: Collection[PublishedPort]
    ) -> tuple[PublishedPort, ...]:
        """Return a port of the host for each binding: one that neither is in use nor in ``others``.

        Raises BackendError that names the port if there is none.
        """

    async def numbers(self) -> frozenset[int]:
        """Return the numbers that containers have on links, those of other plugins too."""

    async def publish(self, publications: Collection[Publication]) -> Published:
        """Bring the host in line with these publications, and change only the differences.

        A publication whose link isn't there yet is left out. A link of this plugin's that has no
        publication is deleted. Without publications nothing of the plugin's is left.
        """

    async def changed(self) -> None:
        """Wait for the kernel's next notice of a change of links, routes or nftables of the host.

        Changes by this object's own methods give notice, too.
        """

    def close(self) -> None:
        """Let go of the host's namespace; what is published stays."""


class FolderNotices(Protocol):
    """The kernel's notices of changes in folders."""

    def watch(self, folders: Collection[str]) -> bool:
        """Take notice of changes in exactly these folders, given by path.

        Returns whether the kernel gives notice of all of them; if not, they must be looked at.
        """

    async def changed(self) -> frozenset[str]:
        """Wait for a change since the last call; return the names of all files that changed.

        The name is "" for what has none, such as a folder itself, and for notices that were lost.
        """
