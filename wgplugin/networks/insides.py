"""The interface by which the editions differ: the work inside containers' namespaces."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import PluginError
from wgplugin.model.device import DeviceConfig
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.published import PortBinding
from wgplugin.networks.ports import port_warnings
from wgplugin.networks.status import TunnelStatus, unseen
from wgplugin.state.records import Endpoint, Network
from wgplugin.state.store import Records

log = logging.getLogger(__name__)

NEEDS_LIVE = ": it takes the live edition, which can look into containers"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an edition.

    ``addresses_per_family``: the number of IPv4 addresses a container can have, and of IPv6.
    ``finds_peers_later``: whether a container may start before a peer's name resolves.
    ``redirects_dns``: whether a container's queries go to the file's IPv4 DNS server.
    ``sees_tunnels``: whether it knows how a container's tunnel is doing.
    """

    addresses_per_family: int
    finds_peers_later: bool
    redirects_dns: bool
    sees_tunnels: bool


class Insides(Protocol):
    """An edition's work inside containers. Its failures are logged; a call of Docker's goes on."""

    edition: str
    limits: Limits

    async def check(self) -> None:
        """Check that this kernel has what the edition needs in a container.

        Raises:
            BackendError: it hasn't.
        """

    async def publish(self, endpoint: Endpoint, wanted: Sequence[PortBinding]) -> Endpoint:
        """Publish ports of a container to come; return its record, which is stored.

        Raises:
            PluginError: a port is taken, or can't be published.
            StoreError: the record can't be written.
        """

    def attached(self, endpoint: Endpoint, files: Files, device: DeviceConfig) -> None:
        """Take note of an endpoint whose own device was made from these files, with ``device``."""

    async def begin(self) -> None:
        """Find what is there from before the plugin's start; failures are logged."""

    async def join(self, endpoint: Endpoint, sandbox: str) -> tuple[DockerRoute, ...]:
        """Take over a tunnel whose device Docker is about to put into a container.

        Returns the routes for Docker to set: none if every way out but the tunnel is blocked.

        Raises:
            PluginError: Docker couldn't set the routes beside those of another tunnel, or the
                container's ports are another container's.
        """

    async def settled(self, endpoint_id: str) -> None:
        """Wait, for a limited time, until a tunnel is set up in its container."""

    async def leave(self, endpoint_id: str) -> None:
        """Remove a tunnel from its container, except its device, or keep the container closed."""

    async def switch(self, endpoint_id: str, configuration: str) -> str:
        """Switch a tunnel to another configuration of its network's pool, and return its name.

        ``endpoint_id``: a container's, or the id of a shared network. ``configuration``: empty for
        the next one that is free. It returns once the device has the configuration.

        Raises:
            PluginError: there is no such tunnel or configuration, or it can't be had; the tunnel is
                as before. Or the edition can't do it.
        """

    async def wait(self, endpoint_id: str, patience: float) -> str:
        """Wait until a tunnel has a handshake, or is down, at most ``patience`` seconds.

        ``endpoint_id``: as in switch(). Returns the tunnel's health then.

        Raises:
            PluginError: there is no such tunnel, or the edition can't see it.
        """

    async def run(self) -> None:
        """Take over the tunnels in running containers; look after all tunnels until cancelled."""

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Return the status of each tunnel."""


class NoInsides:
    """The base edition: Docker does everything in containers."""

    edition = "base"
    limits = Limits(
        addresses_per_family=1, finds_peers_later=False, redirects_dns=False, sees_tunnels=False
    )

    def __init__(self, endpoints: Iterable[Endpoint], networks: Records[Network]) -> None:
        self._endpoints = endpoints
        self._networks = networks
        self._sandboxes: dict[str, str] = {}

    async def check(self) -> None:
        """Need nothing."""

    async def publish(self, endpoint: Endpoint, wanted: Sequence[PortBinding]) -> Endpoint:
        """Leave the ports to a second network."""
        for warning in port_warnings(wanted):
            log.warning("%s", warning)
        return endpoint

    def attached(self, endpoint: Endpoint, files: Files, device: DeviceConfig) -> None:
        """Do nothing."""

    async def begin(self) -> None:
        """Find nothing."""

    async def join(self, endpoint: Endpoint, sandbox: str) -> tuple[DockerRoute, ...]:
        """Leave the routes to Docker, unless it is known to fail."""
        others = [
            other
            for other in self._endpoints
            if other.id != endpoint.id and sandbox and self._sandboxes.get(other.id) == sandbox
        ]
        routes = {route.destination for route in endpoint.route_values}
        for other in others:
            shared = routes & {route.destination for route in other.route_values}
            if shared:
                raise PluginError(
                    Code.SAME_ROUTES,
                    f"the container's tunnels {other.configuration} and {endpoint.configuration} "
                    f"both route {min(shared, key=str)}, and Docker can't set a route twice; take "
                    "the container off one of them, or use the live edition",
                )
        self._sandboxes[endpoint.id] = sandbox
        return endpoint.route_values

    async def settled(self, endpoint_id: str) -> None:
        """Wait for nothing."""

    async def leave(self, endpoint_id: str) -> None:
        """Leave the device to Docker."""
        self._sandboxes.pop(endpoint_id, None)

    async def switch(self, endpoint_id: str, configuration: str) -> str:
        """Refuse: the container has the device."""
        raise PluginError(Code.NEEDS_LIVE, f"a tunnel can't be switched{NEEDS_LIVE}")

    async def wait(self, endpoint_id: str, patience: float) -> str:
        """Refuse: the container has the device."""
        message = f"a tunnel can't be waited for{NEEDS_LIVE}; wireguard-wait works here, too"
        raise PluginError(Code.NEEDS_LIVE, message)

    async def run(self) -> None:
        """Do nothing."""

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Return an unknown status for each tunnel."""
        return tuple(unseen(each, self._pool(each)) for each in self._endpoints)

    def _pool(self, endpoint: Endpoint) -> str:
        network = self._networks.get(endpoint.network_id)
        return network.pool_text if network else ""
