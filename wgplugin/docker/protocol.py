"""The messages of Docker's remote network driver protocol; the only place with its JSON names.

Source: moby, libnetwork/drivers/remote/api/api.go and libnetwork/driverapi/driverapi.go
(``daemon/libnetwork`` since 29). A nil map or slice of Go's arrives as ``null``; fields that a
newer engine adds are ignored. Addresses are strings in CIDR form, or empty.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from wgplugin.codes import Code
from wgplugin.errors import RequestError
from wgplugin.model.identity import Id

GENERIC_OPTIONS = "com.docker.network.generic"
CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"

ROUTE_NEXT_HOP = 0
ROUTE_CONNECTED = 1

Options = dict[str, Any] | None

_ACRONYMS = {"id": "ID", "ipv4": "IPv4", "ipv6": "IPv6"}


def _docker_name(field: str) -> str:
    return "".join(_ACRONYMS.get(word, word.capitalize()) for word in field.split("_"))


class Message(msgspec.Struct, frozen=True, kw_only=True, rename=_docker_name):
    """Base of all messages: frozen, and named as Docker names them on the wire."""


class Empty(Message, frozen=True):
    """The answer that says no more than "done"; Docker insists on a JSON body."""


class ActivateResponse(Message, frozen=True):
    """What the plugin implements; asked of unmanaged (v1) plugins only."""

    implements: tuple[str, ...] = ("NetworkDriver",)


class CapabilitiesResponse(Message, frozen=True):
    """Networks of this driver belong to one host; GwAllocCheck is understood (28.0 and newer)."""

    scope: Literal["local", "global"] = "local"
    connectivity_scope: Literal["local", "global"] = "local"
    gw_alloc_checker: bool = msgspec.field(name="GwAllocChecker", default=True)


class GwAllocCheckRequest(Message, frozen=True):
    """Asks whether a network with these options needs a gateway address from IPAM."""

    options: Options = None


class GwAllocCheckResponse(Message, frozen=True):
    """A WireGuard network has no gateway, so IPAM need not reserve an address for one."""

    skip_ipv4: bool = True
    skip_ipv6: bool = True


class IPAMData(Message, frozen=True):
    """A pool that Docker's IPAM gave the network; ``pool`` is in CIDR form."""

    address_space: str = ""
    pool: str = ""
    gateway: str = ""


class CreateNetworkRequest(Message, frozen=True):
    """``docker network create``; the user's ``--opt`` values are under ``GENERIC_OPTIONS``."""

    network_id: Id
    options: Options = None
    ipv4_data: tuple[IPAMData, ...] | None = None
    ipv6_data: tuple[IPAMData, ...] | None = None


class AllocateNetworkRequest(Message, frozen=True):
    """Sent to global-scope drivers on a swarm manager."""

    network_id: Id
    options: Options = None


class AllocateNetworkResponse(Message, frozen=True):
    """Options that the manager hands on to the nodes."""

    options: dict[str, str]


class NetworkRequest(Message, frozen=True):
    """DeleteNetwork and FreeNetwork."""

    network_id: Id


class EndpointInterface(Message, frozen=True):
    """A container's addresses on the network, in CIDR form; empty where there is none."""

    address: str = ""
    address_ipv6: str = ""
    mac_address: str = ""


class CreateEndpointRequest(Message, frozen=True):
    """A container is about to start; the only call that carries the endpoint's driver options."""

    network_id: Id
    endpoint_id: Id
    interface: EndpointInterface | None = None
    options: Options = None


class CreateEndpointResponse(Message, frozen=True, omit_defaults=True):
    """Addresses that Docker hadn't chosen; answering one that it had is an error to it."""

    interface: EndpointInterface


class EndpointRequest(Message, frozen=True):
    """Leave, DeleteEndpoint, EndpointOperInfo, Program- and RevokeExternalConnectivity."""

    network_id: Id
    endpoint_id: Id


class EndpointOperInfoResponse(Message, frozen=True):
    """Free-form facts about an endpoint."""

    value: dict[str, str]


class JoinRequest(Message, frozen=True):
    """The endpoint is to be put into a sandbox: a container's network namespace."""

    network_id: Id
    endpoint_id: Id
    sandbox_key: str = ""
    options: Options = None


class InterfaceName(Message, frozen=True):
    """The device to move, and the prefix of its new name: Docker appends a number."""

    src_name: str
    dst_prefix: str


class StaticRoute(Message, frozen=True):
    """A route for the container; ``route_type`` is ROUTE_NEXT_HOP or ROUTE_CONNECTED."""

    destination: str
    route_type: int
    next_hop: str = ""


class JoinResponse(Message, frozen=True):
    """What Docker moves into the container and sets there.

    ``disable_gateway_service`` is always true: without it Docker would add an interface on
    docker_gwbridge, a way around the tunnel (moby, libnetwork/default_gateway.go).
    """

    interface_name: InterfaceName
    gateway: str = ""
    gateway_ipv6: str = ""
    static_routes: tuple[StaticRoute, ...] = ()
    disable_gateway_service: Literal[True] = True


class DiscoveryRequest(Message, frozen=True):
    """A swarm node came or went."""

    discovery_type: int = 0
    discovery_data: Any = None


class ErrorResponse(Message, frozen=True):
    """The answer to a call that failed; ``err`` is what the user reads."""

    err: str


M = TypeVar("M", bound=Message)


def decode(body: bytes, message: type[M]) -> M:
    """Read a request's body.

    Raises:
        RequestError: the body is empty, isn't JSON, or lacks a field. Docker repeats a call that
            broke off with an empty body (moby, pkg/plugins/client.go), so empty is never "all
            defaults".
    """
    if not body:
        raise RequestError(Code.BAD_REQUEST, "the request has no body")
    try:
        return msgspec.json.decode(body, type=message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(Code.BAD_REQUEST, f"the request can't be read: {error}") from None


def encode(message: Message) -> bytes:
    """Write a response's body."""
    return msgspec.json.encode(message)
