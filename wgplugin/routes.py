"""From AllowedIPs to the routes that Docker sets in the container. Pure.

What Docker does with a route differs by release and form; the choices below are the ones that
put exactly the AllowedIPs into the tunnel on all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_network,
)

Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address

# WireGuard has no neighbours, so any on-link address serves as a next hop.
NEXT_HOPS: dict[int, Address] = {4: IPv4Address("169.254.1.1"), 6: IPv6Address("fe80::99")}


@dataclass(frozen=True, slots=True)
class Route:
    """A route into the device: by way of ``next_hop``, or on-link if that is None."""

    destination: Network
    next_hop: Address | None = None


def plan(addresses: Iterable[Interface], allowed_ips: Iterable[Network]) -> tuple[Route, ...]:
    """Return the routes for a container with these addresses and these peers' AllowedIPs.

    A prefix that starts at 0.0.0.0 or :: goes by a next hop: Docker 28 silently drops the on-link
    form of it, whatever its length, and hands a default route to another network whose name sorts
    first (moby, libnetwork/osl/interface_linux.go). A default route is given as its two halves,
    which are longer than any other network's default and so win. Prefixes of a family in which the
    container has no address are left out, as Docker disables that family on the device; so is the
    subnet of an address, which the kernel adds by itself and Docker would fail to add again.
    """
    addresses = tuple(addresses)
    families = {address.version for address in addresses}
    connected = {address.network for address in addresses}
    wanted = [net for net in allowed_ips if net.version in families and net not in connected]
    routes = [route for net in wanted for route in _routes_to(net)]
    hops = {route.next_hop for route in routes if route.next_hop}
    on_link = [Route(net) for net in map(ip_network, sorted(hops, key=str)) if net not in connected]
    return tuple(dict.fromkeys([*on_link, *routes]))


def _routes_to(net: Network) -> list[Route]:
    if int(net.network_address):
        return [Route(net)]
    parts = net.subnets() if net.prefixlen == 0 else [net]
    return [Route(part, NEXT_HOPS[net.version]) for part in parts]
