"""The interface by which the editions differ: the work inside containers' namespaces."""

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

    ``addresses_per_family``: the number of IPv4 addresses a container can have, and of IPv6.
    ``finds_peers_later``: whether a container may start before a peer's name resolves.
    ``redirects_dns``: whether a container's queries go to the file's IPv4 DNS server.
    """

    addresses_per_family: int
    finds_peers_later: bool
    redirects_dns: bool


class Insides(Protocol):
    """An edition's work inside containers. Its failures are logged; a call of Docker's goes on."""

    edition: str
    limits: Limits

    async def join(self, endpoint: Endpoint, sandbox: str, files: Files) -> bool:
        """Take over a tunnel whose device Docker is about to put into a container.

        Returns True if every way out but the tunnel is blocked from now on. If False, Docker must
        set the routes.

        Raises:
            StoreError: the container can't be remembered.
        """

    async def settled(self, endpoint_id: str) -> None:
        """Wait, for a limited time, until a tunnel is set up in its container."""

    async def leave(self, endpoint_id: str) -> None:
        """Remove a tunnel from its container, except its device."""

    async def run(self) -> None:
        """Take over the tunnels in running containers; look after all tunnels until cancelled."""

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
        """Return an unknown status for each tunnel."""
        return tuple(map(unseen, self._endpoints))
