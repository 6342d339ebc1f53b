"""From AllowedIPs to the routes that Docker sets in the container. Pure.

Docker handles a route differently by its form and by Docker's release. The forms chosen here lead
the AllowedIPs into the tunnel, and nothing past it, on every release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix, without

# A WireGuard device doesn't resolve neighbours, so any on-link address can be a next hop.
NEXT_HOPS: dict[int, IPAddress] = {4: IPv4Address("169.254.1.1"), 6: IPv6Address("fe80::99")}


@dataclass(frozen=True, slots=True)
class DockerRoute:
    """A route into the device, by ``next_hop``, or on-link if that is None."""

    destination: Prefix
    next_hop: IPAddress | None = None


def plan(
    addresses: Iterable[InterfaceAddress], wanted: Iterable[Prefix], bypass: Iterable[Prefix] = ()
) -> tuple[DockerRoute, ...]:
    """Return the routes to the wanted prefixes, for a container with these addresses.

    A prefix that starts at 0.0.0.0 or :: gets a next hop: Docker 28 silently drops its on-link
    form, whatever the length. A default route is split into its two halves: Docker 28 lets another
    network whose name sorts first replace a default route, but the halves are longer than any
    default route and so win. Source: moby, libnetwork/osl/interface_linux.go.

    Left out are:

    - the prefixes in ``bypass`` (split tunnel);
    - IPv6 prefixes if the container has no IPv6 address: Docker disables IPv6 on the device then;
    - the subnet of an address: the kernel routes it by itself, and Docker would fail to add it.
    """
    addresses = tuple(addresses)
    connected = {address.network for address in addresses}
    usable = {4, *(address.version for address in addresses)}
    taken_out = tuple(bypass)
    hops: dict[Prefix, IPAddress | None] = {}
    for net in wanted:
        if net.version in usable:
            for part, hop in _parts(net, taken_out):
                hops[part] = hops.get(part) or hop
    routes = [DockerRoute(part, hop) for part, hop in hops.items() if part not in connected]
    used = on_link({route.next_hop for route in routes if route.next_hop})
    return (*used, *(route for route in routes if route not in used))


def plan_by_hops(
    addresses: Iterable[InterfaceAddress],
    wanted: Iterable[Prefix],
    hops: Mapping[int, IPAddress],
    bypass: Iterable[Prefix] = (),
) -> tuple[DockerRoute, ...]:
    """Return the routes to the wanted prefixes by routers, ``hops``, one for each IP version.

    Prefixes of other versions are left out. For the rest see plan(). A router that is in no subnet
    of the addresses gets an on-link route.
    """
    connected = {address.network for address in addresses}
    taken_out = tuple(bypass)
    nets = (net for net in wanted if net.version in hops)
    parts = dict.fromkeys(part for net in nets for part, _ in _parts(net, taken_out))
    routes = [DockerRoute(part, hops[part.version]) for part in parts if part not in connected]
    used = {route.next_hop for route in routes if route.next_hop}
    first = on_link(hop for hop in used if not any(hop in net for net in connected))
    given = {route.destination for route in first}
    return (*first, *(route for route in routes if route.destination not in given))


def on_link(hops: Iterable[IPAddress]) -> list[DockerRoute]:
    """Return the on-link routes that make next hops or gateways reachable."""
    return [DockerRoute(ip_network(hop)) for hop in sorted(hops, key=str)]


def _parts(net: Prefix, bypass: tuple[Prefix, ...]) -> Iterator[tuple[Prefix, IPAddress | None]]:
    halves: tuple[Prefix, ...] = tuple(net.subnets()) if net.prefixlen == 0 else (net,)
    for part in (part for half in halves for part in without(half, bypass)):
        by_hop = net.prefixlen == 0 or int(part.network_address) == 0
        yield part, NEXT_HOPS[net.version] if by_hop else None
