"""From AllowedIPs to the routes that Docker sets in the container. Pure.

What Docker does with a route differs by release and by form; the choices below are the ones that
put the AllowedIPs into the tunnel, and nothing past it, on all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    collapse_addresses,
    ip_network,
)

Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

EVERYTHING: dict[int, Network] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}

# WireGuard has no neighbours, so any on-link address serves as a next hop.
NEXT_HOPS: dict[int, Address] = {4: IPv4Address("169.254.1.1"), 6: IPv6Address("fe80::99")}


@dataclass(frozen=True, slots=True)
class Route:
    """A route into the device: by way of ``next_hop``, or on-link if that is None."""

    destination: Network
    next_hop: Address | None = None


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


def sink(allowed_ips: Iterable[Network]) -> tuple[Network, ...]:
    """Return what to route besides, so that a full tunnel in one family is one in both.

    What no peer allows is refused by WireGuard at once, so in the other family the device is a
    sink: an ordinary network beside the tunnel is no way out.
    """
    return tuple(EVERYTHING.values()) if full_families(allowed_ips) else ()


def sink_address(endpoint_id: str) -> IPv6Interface:
    """Return a made-up unique local address (RFC 4193), always the same for an endpoint.

    Docker disables IPv6 on a device without such an address, and then no route of it can be set.
    """
    digest = hashlib.sha256(endpoint_id.encode()).digest()
    return IPv6Interface((b"\xfd" + digest[:15], 128))


def plan(
    addresses: Iterable[Interface], wanted: Iterable[Network], bypass: Iterable[Network] = ()
) -> tuple[Route, ...]:
    """Return the routes of a container with these addresses to the wanted prefixes.

    A prefix that starts at 0.0.0.0 or :: goes by a next hop: Docker 28 silently drops the on-link
    form of it, whatever its length, and hands a default route to another network whose name sorts
    first (moby, libnetwork/osl/interface_linux.go). A default route is given as its two halves,
    which are longer than any other network's default and so win.

    Prefixes in ``bypass`` are taken out. So are those of IPv6 for a container without an IPv6
    address, as Docker disables IPv6 on the device, and the subnet of an address, which the kernel
    routes by itself and Docker would fail to route again.
    """
    addresses = tuple(addresses)
    connected = {address.network for address in addresses}
    usable = {4, *(address.version for address in addresses)}
    taken_out = tuple(bypass)
    hops: dict[Network, Address | None] = {}
    for net in wanted:
        if net.version in usable:
            for part, hop in _parts(net, taken_out):
                hops[part] = hops.get(part) or hop
    used = on_link({hop for hop in hops.values() if hop})
    routes = (Route(part, hop) for part, hop in hops.items() if part not in connected)
    return (*used, *(route for route in routes if route not in used))


def on_link(hops: Iterable[Address]) -> list[Route]:
    """Return the routes that make next hops, or gateways, reachable."""
    return [Route(ip_network(hop)) for hop in sorted(hops, key=str)]


def _parts(net: Network, bypass: tuple[Network, ...]) -> Iterator[tuple[Network, Address | None]]:
    halves: tuple[Network, ...] = tuple(net.subnets()) if net.prefixlen == 0 else (net,)
    for part in (part for half in halves for part in _without(half, bypass)):
        by_hop = net.prefixlen == 0 or int(part.network_address) == 0
        yield part, NEXT_HOPS[net.version] if by_hop else None


def _without(net: Network, bypass: tuple[Network, ...]) -> list[Network]:
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
