"""Values in the form of Docker's protocol. Pure."""

from __future__ import annotations

from wgplugin.docker.protocol import (
    ROUTE_CONNECTED,
    ROUTE_NEXT_HOP,
    EndpointInterface,
    InterfaceName,
    JoinResponse,
    StaticRoute,
)
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.networks.kinds import Attached, Joined


def endpoint_interface(attached: Attached) -> EndpointInterface:
    """Return the first address of each family, as Docker's protocol has room for one."""
    by_version: dict[int, str] = {}
    for address in attached.addresses:
        by_version.setdefault(address.version, str(address))
    return EndpointInterface(
        address=by_version.get(4, ""),
        address_ipv6=by_version.get(6, ""),
        mac_address=attached.mac_address,
    )


def join_response(joined: Joined) -> JoinResponse:
    """Return the response to Join."""
    gateways = {gateway.version: str(gateway) for gateway in joined.gateways}
    return JoinResponse(
        interface_name=InterfaceName(src_name=joined.device, dst_prefix=joined.prefix),
        gateway=gateways.get(4, ""),
        gateway_ipv6=gateways.get(6, ""),
        static_routes=tuple(map(static_route, joined.routes)),
    )


def static_route(route: DockerRoute) -> StaticRoute:
    """Return a route for Docker to set."""
    if route.next_hop is None:
        return StaticRoute(destination=str(route.destination), route_type=ROUTE_CONNECTED)
    return StaticRoute(
        destination=str(route.destination),
        route_type=ROUTE_NEXT_HOP,
        next_hop=str(route.next_hop),
    )
