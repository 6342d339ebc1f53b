"""The interfaces that the kernel side implements: for the host, and for containers. Pure.

Every method raises BackendError if the kernel refuses; the message is for the user.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from wgplugin.model.device import Device, DeviceConfig, Key
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.model.prefixes import IPAddress, Prefix


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

    async def path_mtu(self, host: IPAddress | None) -> int | None:
        """Return the MTU in bytes of the path to a host (None: by default); None for no path."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The present state of a tunnel, and the other networks of its container.

    ``ifname`` is its device's name in the container.
    """

    ifname: str
    device: Device
    others: frozenset[OtherNetwork] = frozenset()


class Notices(Protocol):
    """The kernel's notices of changes in one namespace: of its devices and addresses."""

    async def wait(self, seconds: float) -> bool:
        """Wait for the next notice; return False if none comes within so many seconds."""

    def close(self) -> None:
        """End them; until then they keep the namespace alive."""


class ContainerKernel(Protocol):
    """Works inside containers' network namespaces (live edition).

    ``key`` is Docker's key of a namespace, ``device`` a device's name on the host. If either is
    gone, a method returns False or None and raises nothing: containers come and go.
    """

    async def exists(self, key: str) -> bool:
        """Return whether a namespace exists and can be entered."""

    async def block_exits(self, key: str, plan: Plan) -> bool:
        """Set up the kill switch before the tunnel's device arrives; return whether it was done."""

    async def is_moved(self, key: str, device: str, expected: Collection[Prefix]) -> bool:
        """Return whether Docker has moved the device into the namespace and has set it up.

        ``expected``: the destinations of the routes that Docker sets last.
        """

    async def apply(
        self,
        key: str,
        plan: Plan,
        config: DeviceConfig | None = None,
        moved: Collection[Key] = (),
    ) -> list[str] | None:
        """Bring a tunnel into the planned state, and change only the differences.

        ``config``: the device's complete configuration, or None to leave it. ``moved``: as in
        model.device.diff(). Returns the changes, for people to read; None if the tunnel is gone.
        """

    async def apply_firewall(self, key: str, plan: Plan) -> frozenset[OtherNetwork] | None:
        """Install the tunnel's nftables; return the other networks that they know.

        The device needn't be there. A kernel without nftables raises BackendError.
        """

    async def check_firewall(self) -> bool:
        """Return whether this kernel can stop frames that programs make themselves.

        A kernel that lacks another part of nftables raises BackendError.
        """

    async def notices(self, key: str) -> Notices | None:
        """Return the notices of a namespace from now on; the caller must close them."""

    async def observe(self, key: str, device: str) -> Observed | None:
        """Return the present state of a tunnel; None if it is gone."""

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        """Change a device; return whether it was there."""

    async def clear(self, key: str, device: str, owner: int) -> None:
        """Remove everything that a tunnel has in a namespace, except its device.

        ``owner`` is the number of the tunnel's network.
        """
