"""The messages of Docker's remote network driver protocol; the only place with its JSON names.

Source: moby, libnetwork/drivers/remote/api/api.go and libnetwork/driverapi/driverapi.go
(``daemon/libnetwork`` since 29). A nil map or slice in Go arrives as ``null``; unknown fields, from
a newer engine, are ignored. IP addresses are strings in CIDR form, or empty.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from wgplugin.codes import Code
from wgplugin.errors import RequestError
from wgplugin.model.identity import Id

GENERIC_OPTIONS = "com.docker.network.generic"
INTERNAL = "com.docker.network.internal"
CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"

ROUTE_NEXT_HOP = 0
ROUTE_CONNECTED = 1

Options = dict[str, Any] | None

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]

_ACRONYMS = {"id": "ID", "ip": "IP", "ipv4": "IPv4", "ipv6": "IPv6"}


def _docker_name(field: str) -> str:
    return "".join(_ACRONYMS.get(word, word.capitalize()) for word in field.split("_"))


class Message(msgspec.Struct, frozen=True, kw_only=True, rename=_docker_name):
    """Base of all messages: frozen; in JSON, the fields have Docker's names."""


class Empty(Message, frozen=True):
    """No fields: a request without a body, or the response "done", which must be a JSON object."""


class ActivateResponse(Message, frozen=True):
    """The plugin interfaces that are implemented; Docker asks only unmanaged (v1) plugins."""

    implements: tuple[str, ...] = ("NetworkDriver",)


class CapabilitiesResponse(Message, frozen=True):
    """Networks of this driver belong to one host; GwAllocCheck (Docker 28.0) is supported."""

    scope: Literal["local", "global"] = "local"
    connectivity_scope: Literal["local", "global"] = "local"
    gw_alloc_checker: bool = msgspec.field(name="GwAllocChecker", default=True)


class GwAllocCheckRequest(Message, frozen=True):
    """Asks whether a network with these options needs a gateway address from IPAM."""

    options: Options = None


class GwAllocCheckResponse(Message, frozen=True):
    """Whether a gateway address is needed for each family: only a shared network has a gateway."""

    skip_ipv4: bool = True
    skip_ipv6: bool = True


class IPAMData(Message, frozen=True):
    """A subnet that Docker's IPAM gave the network, in CIDR form, as its gateway's address is."""

    address_space: str = ""
    pool: str = ""
    gateway: str = ""


class CreateNetworkRequest(Message, frozen=True):
    """``docker network create``; the user's ``--opt`` values are under `GENERIC_OPTIONS`."""

    network_id: Id
    options: Options = None
    ipv4_data: tuple[IPAMData, ...] | None = None
    ipv6_data: tuple[IPAMData, ...] | None = None


class AllocateNetworkRequest(Message, frozen=True):
    """Docker sends this to drivers of global scope, on a swarm manager."""

    network_id: Id
    options: Options = None


class AllocateNetworkResponse(Message, frozen=True):
    """Options that the swarm manager passes to the nodes."""

    options: dict[str, str]


class NetworkRequest(Message, frozen=True):
    """The request of DeleteNetwork and FreeNetwork."""

    network_id: Id


class EndpointInterface(Message, frozen=True):
    """A container's IP addresses in CIDR form, and its MAC address; empty for none."""

    address: str = ""
    address_ipv6: str = ""
    mac_address: str = ""


class PortBinding(Message, frozen=True):
    """A port of ``docker run --publish``; ``proto`` is the protocol's number (IANA).

    Any port of the host will do if ``host_port`` is 0, and any of a range up to ``host_port_end``.
    Source: moby, PortBinding of libnetwork/types/types.go.
    """

    proto: int
    port: Port
    host_ip: str | None = None
    host_port: Port = 0
    host_port_end: Port = 0


class CreateEndpointRequest(Message, frozen=True):
    """A container is about to start; only this call has the endpoint's driver options."""

    network_id: Id
    endpoint_id: Id
    interface: EndpointInterface | None = None
    options: Options = None


class CreateEndpointResponse(Message, frozen=True, omit_defaults=True):
    """The addresses that Docker hasn't assigned; repeating an assigned one is an error there."""

    interface: EndpointInterface


class EndpointRequest(Message, frozen=True):
    """Used by Leave, DeleteEndpoint, EndpointOperInfo, Program- and RevokeExternalConnectivity."""

    network_id: Id
    endpoint_id: Id


class EndpointOperInfoResponse(Message, frozen=True):
    """Free-form facts about an endpoint."""

    value: dict[str, str]


class JoinRequest(Message, frozen=True):
    """The endpoint joins a sandbox, which is a container's network namespace."""

    network_id: Id
    endpoint_id: Id
    sandbox_key: str = ""
    options: Options = None


class InterfaceName(Message, frozen=True):
    """The device to move, and the prefix of its new name; Docker appends a number."""

    src_name: str
    dst_prefix: str


class StaticRoute(Message, frozen=True):
    """A route for the container; ``route_type`` is ROUTE_NEXT_HOP or ROUTE_CONNECTED."""

    destination: str
    route_type: int
    next_hop: str = ""


class JoinResponse(Message, frozen=True):
    """The device that Docker moves into the container, and the gateways and routes it sets there.

    ``disable_gateway_service`` is always true. Otherwise Docker would add an interface on
    docker_gwbridge, a way around the tunnel (moby, libnetwork/default_gateway.go).
    """

    interface_name: InterfaceName
    gateway: str = ""
    gateway_ipv6: str = ""
    static_routes: tuple[StaticRoute, ...] = ()
    disable_gateway_service: Literal[True] = True


class DiscoveryRequest(Message, frozen=True):
    """A swarm node has joined or left."""

    discovery_type: int = 0
    discovery_data: Any = None


class ErrorResponse(Message, frozen=True):
    """The response to a call that failed; the user reads ``err``."""

    err: str


M = TypeVar("M", bound=msgspec.Struct)


def decode(body: bytes, message: type[M]) -> M:
    """Read a request's body.

    Docker repeats an interrupted call with an empty body (moby, pkg/plugins/client.go), so an empty
    body is an error, even if all fields have defaults.

    Raises:
        RequestError: the body is empty, isn't JSON, or lacks a field.
    """
    if not body:
        raise RequestError(Code.BAD_REQUEST, "the request has no body")
    try:
        return msgspec.json.decode(body, type=message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(Code.BAD_REQUEST, f"the request can't be read: {error}") from None


def encode(message: msgspec.Struct) -> bytes:
    """Return a response's body: JSON."""
    return msgspec.json.encode(message)
