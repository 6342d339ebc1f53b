"""A WireGuard configuration and the settings of its tunnel, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Literal

from wgplugin.errors import Fault
from wgplugin.model.device import Key
from wgplugin.model.prefixes import Network


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """A peer's endpoint as written, not resolved.

    ``host`` is an address without brackets (with ``%zone``, if any) or a host name; ``port`` is a
    number from 1 to 65535 or a service's name.
    """

    host: str
    port: str


@dataclass(frozen=True, slots=True)
class PeerSection:
    """What a file says of one peer; sections with the same PublicKey are one.

    ``preshared_key`` is None if absent or all zeros, ``persistent_keepalive`` in seconds, 0 for
    off. ``allowed_ips`` is what the kernel would have on a new device: masked, in the file's order,
    without those that a later peer claims.
    """

    public_key: Key
    preshared_key: Key | None
    endpoint: PeerEndpoint | None
    persistent_keepalive: int
    allowed_ips: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class InterfaceConfig:
    """What a file says.

    ``listen_port`` 0 is automatic, ``fwmark`` 0 off, ``mtu`` None automatic; ``routes`` is false
    for ``Table = off``. ``warnings`` tell what was accepted and ignored, and why.
    """

    private_key: Key
    listen_port: int
    fwmark: int
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    mtu: int | None
    dns: tuple[IPv4Address | IPv6Address, ...]
    dns_search: tuple[str, ...]
    routes: bool
    peers: tuple[PeerSection, ...]
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class TunnelSettings:
    """What is set of one container's tunnel.

    ``dns``: what to do where the container isn't started with the file's DNS. ``sink``: whether
    the other family of a full tunnel is refused. ``bypass``: destinations outside the tunnel.
    ``default``: whose default route wins, the tunnel's or the one that Docker chooses.
    """

    dns: Literal["warn", "require", "off"] = "warn"
    sink: bool = True
    bypass: tuple[Network, ...] = ()
    default: Literal["tunnel", "gateway"] = "tunnel"
