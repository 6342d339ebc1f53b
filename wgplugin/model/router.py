"""A shared network's router, as values. Pure.

A router is a network namespace of the network's own. It has a WireGuard device, whose encrypted
packets use the host's network, a bridge, and a veth for each container, whose other end is the
container's. Its only way out is the WireGuard device, so nothing has to be blocked there. By a link
for published ports only answers leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wgplugin.model.notes import Reach
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.model.published import Link

DEVICE, BRIDGE = "wg0", "br0"
"""The names of a router's WireGuard device and bridge."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the tunnel's addresses that leads to a port of a container's address.

    ``address`` is None only in a container's option, where it stands for the container's own.
    """

    port: int
    address: IPAddress | None
    to: int
    protocol: Literal["tcp", "udp"] = "tcp"

    @property
    def takes(self) -> frozenset[tuple[int, str, int]]:
        """What no other forwarded port may take: port, protocol, and version of the addresses."""
        versions = (self.address.version,) if self.address else (4, 6)
        return frozenset((self.port, self.protocol, version) for version in versions)

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address and self.address.version == 6 else self.address
        return f"{self.port}:{f'{host}:' if host else ''}{self.to}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a peer, which has the addresses ``sources``, may begin connections to."""

    sources: tuple[Prefix, ...]
    reach: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """The planned state of a router.

    ``device``: the WireGuard device's name on the host, which stays its alias. ``owner``: the
    network's number (identity.network_number). ``gateways``: the bridge's addresses, one for each
    subnet. ``addresses``: the WireGuard device's. ``routed``: the prefixes with routes into it.
    ``mtu``: of all links, in bytes; None leaves them unchanged.

    ``nat``: containers appear to peers with the device's address, and peers reach only what is
    forwarded; without it, peers know the subnets and reach every container. ``isolate``: containers
    don't reach each other, nor do peers. ``internal``: nothing goes into the tunnel or comes out of
    it. ``hub``: peers dial in; they reach each other, and ask the router for containers' names.
    ``limits``: peers that reach less than the others.

    ``link``: the way of its containers' published ports, None without; its addresses are those that
    they have on it. ``answers``: the container's address that each of them stands for.
    """

    device: str
    owner: int
    gateways: tuple[InterfaceAddress, ...]
    addresses: tuple[InterfaceAddress, ...]
    routed: tuple[Prefix, ...]
    mtu: int | None = None
    nat: bool = True
    isolate: bool = False
    internal: bool = False
    hub: bool = False
    limits: tuple[Limit, ...] = ()
    forwards: tuple[Forward, ...] = ()
    link: Link | None = None
    answers: tuple[tuple[IPAddress, IPAddress], ...] = ()
