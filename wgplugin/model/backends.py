"""The interfaces that the kernel's side implements: for the host, and for containers. Pure.

Every method raises BackendError, worded for the user, where the kernel refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from wgplugin.model.device import Device, DeviceConfig, Key
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Network


class Place(Enum):
    """Where a device is: in the host's network namespace, or in that of a container."""

    HOST = auto()
    CONTAINER = auto()


class HostKernel(Protocol):
    """Makes and deletes devices in the network namespace of the host."""

    async def create(self, ifname: str, mtu: int, config: DeviceConfig) -> None:
        """Make and configure a device, which is down; one left over under that name is replaced.

        A listen port that is taken shows here, not in the container; one that is given back within
        a few seconds is waited for. Where this fails, a device may be left.
        """

    async def delete(self, ifname: str) -> None:
        """Delete a device; there being none is success."""

    async def places(self) -> Mapping[str, Place]:
        """Return where each device is, by the name that create() gave it."""

    async def path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        """Return the MTU in bytes of the way to a host, or by default; None if there is no way."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A tunnel as it is; ``ifname`` is its device's name in the container."""

    ifname: str
    device: Device


class ContainerKernel(Protocol):
    """Works inside containers' network namespaces (live edition).

    A namespace goes by Docker's key for it, a device by its name on the host. That either is gone
    is an answer and no error: containers come and go.
    """

    async def exists(self, key: str) -> bool:
        """Tell whether a namespace is there and can be entered."""

    async def block_exits(self, key: str, plan: Plan) -> bool:
        """Close all ways out but the tunnel, which isn't there yet; tell whether that was done."""

    async def is_moved(self, key: str, device: str, expected: Collection[Network]) -> bool:
        """Tell whether Docker has put the device into the namespace and is done with it.

        ``expected`` are the destinations of the routes that Docker sets last.
        """

    async def apply(
        self,
        key: str,
        plan: Plan,
        config: DeviceConfig | None = None,
        moved: Collection[Key] = (),
    ) -> list[str] | None:
        """Make a tunnel what it shall be, and leave alone what is so already.

        ``config`` is all of the device's configuration, or None to leave it; for ``moved`` see
        wireguard.diff(). Returns what was changed, for people to read; None if the tunnel is gone.
        """

    async def apply_firewall(self, key: str, plan: Plan) -> None:
        """Put the tunnel's nftables into place, of which the kernel may have none."""

    async def observe(self, key: str, device: str) -> Observed | None:
        """Return a tunnel as it is, None if it is gone."""

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        """Change a device; tell whether it was there."""

    async def clear(self, key: str, device: str) -> None:
        """Take away all that a tunnel has in a namespace, but for the device."""
