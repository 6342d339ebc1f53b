"""The seam between the editions: what can be done inside containers' namespaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from wgplugin.conf.folder import Files
from wgplugin.networks.status import TunnelStatus, unseen
from wgplugin.state.records import Endpoint


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an edition.

    ``addresses_per_family``: how many addresses a container can have of each family.
    ``finds_peers_later``: whether a container may start before the name of a peer resolves.
    ``redirects_dns``: whether a container's queries are sent to the file's IPv4 DNS server.
    """

    addresses_per_family: int
    finds_peers_later: bool
    redirects_dns: bool


class Insides(Protocol):
    """What an edition does inside containers; nothing here fails a call of Docker's."""

    edition: str
    limits: Limits

    async def join(self, endpoint: Endpoint, sandbox: str, files: Files) -> bool:
        """Take charge of a tunnel whose device Docker is about to put into a container.

        Returns whether nothing leaves the container past the tunnel from now on. If not, Docker
        must set the routes. Raises StoreError if the container can't be remembered.
        """

    async def settled(self, endpoint_id: str) -> None:
        """Wait, for a bounded time, until a tunnel is set up in its container."""

    async def leave(self, endpoint_id: str) -> None:
        """Take a tunnel, but for its device, out of its container."""

    async def run(self) -> None:
        """Take charge of the tunnels that are in containers already; keep all until cancelled."""

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Return the status of each tunnel."""


class NoInsides:
    """The base edition: Docker does everything in containers."""

    edition = "base"
    limits = Limits(addresses_per_family=1, finds_peers_later=False, redirects_dns=False)

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._endpoints = endpoints

    async def join(self, endpoint: Endpoint, sandbox: str, files: Files) -> bool:
        """Leave the routes to Docker."""
        return False

    async def settled(self, endpoint_id: str) -> None:
        """Wait for nothing."""

    async def leave(self, endpoint_id: str) -> None:
        """Leave the device to Docker."""

    async def run(self) -> None:
        """Do nothing."""

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Return that nothing is known of any tunnel."""
        return tuple(map(unseen, self._endpoints))
