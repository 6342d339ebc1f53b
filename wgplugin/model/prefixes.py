"""The arithmetic of IP prefixes, and the prefixes of a full tunnel. Pure."""

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

Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

EVERYTHING: dict[int, Network] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


def full_families(allowed_ips: Iterable[Network]) -> set[int]:
    """Return the families (4, 6) of which all addresses are allowed, as one prefix or several."""
    nets = tuple(allowed_ips)
    addresses = dict.fromkeys(EVERYTHING, 0)
    for net in nets:
        addresses[net.version] += 1 << net.max_prefixlen - net.prefixlen
    # To put prefixes together takes long, and most files don't have enough of them.
    if not any(addresses[version] >= net.num_addresses for version, net in EVERYTHING.items()):
        return set()
    return {net.version for net in collapsed(nets) if net.prefixlen == 0}


def collapsed(nets: Iterable[Network]) -> list[Network]:
    """Return the fewest prefixes, IPv4 before IPv6, that are the same addresses."""
    nets = tuple(nets)
    return [
        *collapse_addresses(net for net in nets if isinstance(net, IPv4Network)),
        *collapse_addresses(net for net in nets if isinstance(net, IPv6Network)),
    ]


def blackholed(allowed_ips: Iterable[Network]) -> tuple[Network, ...]:
    """Return what to route besides, so that a full tunnel in one family is one in both.

    What no peer allows is refused by WireGuard at once, so in the other family the device is a
    sink: an ordinary network beside the tunnel is no way out.
    """
    return tuple(EVERYTHING.values()) if full_families(allowed_ips) else ()


def blackhole_address(endpoint_id: str) -> IPv6Interface:
    """Return a made-up unique local address (RFC 4193), always the same for an endpoint.

    Docker disables IPv6 on a device without such an address, and then no route of it can be set.
    """
    digest = hashlib.sha256(endpoint_id.encode()).digest()
    return IPv6Interface((b"\xfd" + digest[:15], 128))


def without(net: Network, bypass: Iterable[Network]) -> list[Network]:
    """Return what is left of a prefix, in order, without those that are taken out."""
    parts = [net]
    for hole in bypass:
        parts = [rest for part in parts for rest in _exclude(part, hole)]
    return sorted(parts, key=lambda part: int(part.network_address))


def _exclude(net: Network, hole: Network) -> list[Network]:
    if not net.overlaps(hole):
        return [net]
    if net.prefixlen >= hole.prefixlen:
        return []
    return list(net.address_exclude(hole))  # type: ignore[arg-type]
