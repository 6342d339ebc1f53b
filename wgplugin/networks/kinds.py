"""The interface of a kind of network: Docker's calls as methods, and their values. Pure.

A kind has the shape of libnetwork's own driver (moby, libnetwork/driverapi/driverapi.go). Docker
may make any call twice, late or never. A kind serves the calls for one endpoint in turn. Every
method may raise PluginError, which the user reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.model.published import PortBinding


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """A network to create.

    ``configuration`` is the file's name without ``.conf``, or the text of a pool. ``tunnel`` has
    the tunnel's options as text, by name without ``wireguard-``. ``mtu`` is the network's option,
    in bytes, or None.
    ``subnets`` are those of Docker's IPAM, and ``gateways`` the addresses that it keeps for a
    gateway, at most one in each. ``internal`` is whether it was created with --internal.
    """

    id: str
    configuration: str
    tunnel: Mapping[str, str]
    mtu: int | None
    subnets: tuple[Prefix, ...]
    gateways: tuple[InterfaceAddress, ...]
    internal: bool


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A container to attach to a network.

    ``addresses`` are those of the container's option, ``assigned`` those of Docker's IPAM.
    ``mac_address`` is empty unless the user gave one. ``dns_servers`` are the servers that Docker's
    resolver forwards to for this container; Docker before 25 doesn't send them. ``published`` are
    the ports of --publish, which another of its networks may publish, too.
    """

    id: str
    network_id: str
    tunnel: Mapping[str, str]
    addresses: tuple[InterfaceAddress, ...]
    assigned: tuple[InterfaceAddress, ...]
    mac_address: str
    dns_servers: frozenset[str]
    published: tuple[PortBinding, ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """The addresses that Docker must set and hasn't assigned, and a MAC address if it has one."""

    addresses: tuple[InterfaceAddress, ...]
    mac_address: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A device for Docker to move into the container, and the settings for Docker to make there.

    Docker's name for the device there is ``prefix`` and a number.
    """

    device: str
    prefix: str
    routes: tuple[DockerRoute, ...]
    gateways: tuple[IPAddress, ...]


class Kind(Protocol):
    """A kind of network, with a method for each of Docker's calls."""

    async def create(self, network: NewNetwork) -> None:
        """Check a network's options and configuration, and remember the network."""

    async def attach(self, endpoint: NewEndpoint) -> Attached:
        """Prepare a container's attachment."""

    async def join(self, endpoint_id: str, sandbox: str) -> Joined:
        """Hand a container's device to Docker; ``sandbox`` is Docker's key for its namespace."""

    async def settled(self, endpoint_id: str) -> None:
        """Wait, for a limited time, until a container's network is ready for its first packet."""

    async def leave(self, endpoint_id: str) -> None:
        """Take a container off the network; its device is still in it."""

    async def detach(self, endpoint_id: str) -> None:
        """Delete a container's attachment and its device; succeed if there is none."""

    async def delete(self, network_id: str) -> None:
        """Forget a network and its attachments; succeed if there is none."""
