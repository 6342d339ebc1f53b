"""Arithmetic of IP prefixes, and the prefixes of a full tunnel. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    collapse_addresses,
)

Prefix = IPv4Network | IPv6Network
InterfaceAddress = IPv4Interface | IPv6Interface
IPAddress = IPv4Address | IPv6Address

EVERYTHING: dict[int, Prefix] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


def full_families(allowed_ips: Iterable[Prefix]) -> set[int]:
    """Return the families (4, 6) that are allowed as a whole, by one prefix or by several."""
    nets = tuple(allowed_ips)
    addresses = dict.fromkeys(EVERYTHING, 0)
    for net in nets:
        addresses[net.version] += 1 << net.max_prefixlen - net.prefixlen
    # Merging prefixes is slow, and most files don't have enough of them to cover a family.
    if not any(addresses[version] >= net.num_addresses for version, net in EVERYTHING.items()):
        return set()
    return {net.version for net in collapsed(nets) if net.prefixlen == 0}


def collapsed(nets: Iterable[Prefix]) -> list[Prefix]:
    """Return the fewest prefixes with the same addresses, IPv4 before IPv6."""
    nets = tuple(nets)
    return [
        *collapse_addresses(net for net in nets if isinstance(net, IPv4Network)),
        *collapse_addresses(net for net in nets if isinstance(net, IPv6Network)),
    ]


def blackholed(allowed_ips: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """Return the prefixes to route for IPv6 leak protection: all, if one family is a full tunnel.

    WireGuard refuses at once any packet that no peer allows. So the device is a blackhole for the
    other family, which then can't leave by an ordinary network beside the tunnel.
    """
    return tuple(EVERYTHING.values()) if full_families(allowed_ips) else ()


def blackhole_address(endpoint_id: str, network_id: str = "") -> IPv6Interface:
    """Return a made-up unique local IPv6 address (RFC 4193), always the same for an endpoint.

    Docker disables IPv6 on a device without an IPv6 address; no IPv6 route can be set then. With
    ``network_id``, it is in a subnet of that network's own.
    """
    digest = hashlib.sha256(endpoint_id.encode()).digest()
    if not network_id:
        return IPv6Interface((b"\xfd" + digest[:15], 128))
    subnet = hashlib.sha256(network_id.encode()).digest()
    return IPv6Interface((b"\xfd" + subnet[:7] + digest[:8], 64))


def without(net: Prefix, bypass: Iterable[Prefix]) -> list[Prefix]:
    """Return the rest of a prefix without those in ``bypass``, in order of addresses."""
    parts = [net]
    for hole in bypass:
        parts = [rest for part in parts for rest in _exclude(part, hole)]
    return sorted(parts, key=lambda part: int(part.network_address))


def _exclude(net: Prefix, hole: Prefix) -> list[Prefix]:
    if not net.overlaps(hole):
        return [net]
    if net.prefixlen >= hole.prefixlen:
        return []
    return list(net.address_exclude(hole))  # type: ignore[arg-type]
