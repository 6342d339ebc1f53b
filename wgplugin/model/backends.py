"""What the live edition can do inside of containers' network namespaces. Pure.

A namespace goes by Docker's key for it, a device by the name that it had on the host. That either
is gone is an answer, not an error: containers come and go. Every method raises BackendError, worded
for the user, where the kernel refuses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from wgplugin.model.device import Device, DeviceConfig, Key
from wgplugin.model.namespace import Plan
from wgplugin.model.routes import Network


@dataclass(frozen=True, slots=True)
class Sight:
    """A tunnel as it is; ``ifname`` is its device's name in the container."""

    ifname: str
    device: Device


class Sandboxes(Protocol):
    """The network namespaces of containers."""

    async def exists(self, key: str) -> bool:
        """Tell whether a namespace is there and can be entered."""

    async def guard(self, key: str, plan: Plan) -> bool:
        """Close all ways out but the tunnel, which isn't there yet; tell whether that was done."""

    async def ready(self, key: str, device: str, told: Collection[Network]) -> bool:
        """Tell whether Docker has put the device into the namespace and is done with it.

        ``told`` are the destinations of the routes that Docker sets last.
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

    async def filter(self, key: str, plan: Plan) -> None:
        """Put the tunnel's nftables into place, of which the kernel may have none."""

    async def look(self, key: str, device: str) -> Sight | None:
        """Return a tunnel as it is, None if it is gone."""

    async def configure(self, key: str, device: str, change: DeviceConfig) -> bool:
        """Change a device; tell whether it was there."""

    async def clear(self, key: str, device: str) -> None:
        """Take away all that a tunnel has in a namespace, but for the device."""
