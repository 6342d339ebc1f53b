"""From AllowedIPs to the routes that Docker sets in the container. Pure.

What Docker does with a route differs by release and by form; the choices below are the ones that
put the AllowedIPs into the tunnel, and nothing past it, on all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

from wgplugin.model.prefixes import Address, Interface, Network, without

# WireGuard has no neighbours, so any on-link address serves as a next hop.
NEXT_HOPS: dict[int, Address] = {4: IPv4Address("169.254.1.1"), 6: IPv6Address("fe80::99")}


@dataclass(frozen=True, slots=True)
class Route:
    """A route into the device: by way of ``next_hop``, or on-link if that is None."""

    destination: Network
    next_hop: Address | None = None


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
    for part in (part for half in halves for part in without(half, bypass)):
        by_hop = net.prefixlen == 0 or int(part.network_address) == 0
        yield part, NEXT_HOPS[net.version] if by_hop else None
