"""A kind of network: the values that Docker's calls become, and what a kind answers.

A kind has the shape of libnetwork's own driver (moby, libnetwork/driverapi/driverapi.go). Docker
may make any call twice, late or never, and the calls for one endpoint are served in turn. Every
method may raise PluginError, which the user reads. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """A network to create.

    ``configuration`` names a file without its ``.conf``. ``tunnel`` has the texts of the tunnel's
    options, by name without ``wireguard-``. ``subnets`` are those of Docker's IPAM.
    """

    id: str
    configuration: str
    tunnel: Mapping[str, str]
    subnets: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A container to attach to a network.

    ``addresses`` are those of the container's option, ``assigned`` those of Docker's IPAM.
    ``mac_address`` is empty unless the user gave one. ``dns_servers`` are those that Docker's
    resolver asks for this container; Docker before 25 doesn't send them.
    """

    id: str
    network_id: str
    tunnel: Mapping[str, str]
    addresses: tuple[InterfaceAddress, ...]
    assigned: tuple[InterfaceAddress, ...]
    mac_address: str
    dns_servers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Joined:
    """The device that Docker moves into the container, and what it sets there.

    Docker names the device by ``prefix`` and a number.
    """

    device: str
    prefix: str
    routes: tuple[DockerRoute, ...]
    gateways: tuple[IPAddress, ...]


class Kind(Protocol):
    """What a kind of network does when Docker calls."""

    async def create(self, network: NewNetwork) -> None:
        """Check a network's options and configuration, and remember the network."""

    async def attach(self, endpoint: NewEndpoint) -> tuple[InterfaceAddress, ...]:
        """Prepare a container's attachment; return the addresses that Docker hasn't assigned."""

    async def join(self, endpoint_id: str, sandbox: str) -> Joined:
        """Hand over a container's device; ``sandbox`` is Docker's key of its namespace."""

    async def settled(self, endpoint_id: str) -> None:
        """Wait, for a bounded time, until a container's network is ready for its first packet."""

    async def leave(self, endpoint_id: str) -> None:
        """Take a container, whose device is still in it, off the network."""

    async def detach(self, endpoint_id: str) -> None:
        """Delete a container's attachment and its device; there being none is success."""

    async def delete(self, network_id: str) -> None:
        """Forget a network and its attachments; there being none is success."""
