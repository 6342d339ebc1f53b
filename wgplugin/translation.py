"""From a configuration to what the kernel and Docker are given. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface

from wgplugin import protocol, routes
from wgplugin.config import InterfaceConfig, PeerEndpoint
from wgplugin.errors import PluginError
from wgplugin.wireguard import DeviceConfig, PeerConfig, SocketAddress

DEFAULT_MTU = 1500
OVERHEAD = 80


def check_addresses(name: str, config: InterfaceConfig, docker_assigns: bool) -> None:
    """See that a container gets its addresses from the file or from Docker, and can have them.

    Raises:
        PluginError: from both, from neither, or more than Docker sets.
    """
    if config.addresses and docker_assigns:
        raise PluginError(
            f"{name}.conf has an Address, and Docker's IPAM would assign another; "
            "create the network with --ipam-driver null, or take Address out of the file"
        )
    if not config.addresses and not docker_assigns:
        raise PluginError(
            f"{name}.conf has no Address, and --ipam-driver null assigns none; "
            "add an Address, or create the network without --ipam-driver null"
        )
    for version in (4, 6):
        count = sum(address.version == version for address in config.addresses)
        if count > 1:
            raise PluginError(
                f"{name}.conf has {count} IPv{version} addresses, and Docker sets one; "
                "leave one of them"
            )


def device_config(
    config: InterfaceConfig, endpoints: Mapping[PeerEndpoint, SocketAddress]
) -> DeviceConfig:
    """Return what makes a fresh device the one of the file; ``endpoints`` are those resolved."""
    peers = (
        PeerConfig(
            public_key=peer.public_key,
            preshared_key=peer.preshared_key,
            endpoint=endpoints[peer.endpoint] if peer.endpoint else None,
            persistent_keepalive=peer.persistent_keepalive,
            replace_allowed_ips=True,
            allowed_ips=peer.allowed_ips,
        )
        for peer in config.peers
    )
    return DeviceConfig(
        private_key=config.private_key,
        listen_port=config.listen_port,
        fwmark=config.fwmark,
        replace_peers=True,
        peers=tuple(peers),
    )


def tunnel_mtu(path_mtus: Iterable[int]) -> int:
    """Return wg-quick's choice of MTU: the narrowest way to a peer, less WireGuard's overhead."""
    return min(path_mtus, default=DEFAULT_MTU) - OVERHEAD


def endpoint_interface(config: InterfaceConfig) -> protocol.EndpointInterface:
    """Return the addresses of the file as Docker's protocol has them."""
    by_version = {address.version: str(address) for address in config.addresses}
    return protocol.EndpointInterface(
        address=by_version.get(4, ""), address_ipv6=by_version.get(6, "")
    )


def static_routes(
    config: InterfaceConfig, addresses: Iterable[str]
) -> tuple[protocol.StaticRoute, ...]:
    """Return the routes for a container that has these addresses, in CIDR form."""
    if not config.routes:
        return ()
    allowed_ips = [net for peer in config.peers for net in peer.allowed_ips]
    return tuple(map(_static_route, routes.plan(map(ip_interface, addresses), allowed_ips)))


def _static_route(route: routes.Route) -> protocol.StaticRoute:
    if route.next_hop is None:
        return protocol.StaticRoute(
            destination=str(route.destination), route_type=protocol.ROUTE_CONNECTED
        )
    return protocol.StaticRoute(
        destination=str(route.destination),
        route_type=protocol.ROUTE_NEXT_HOP,
        next_hop=str(route.next_hop),
    )
