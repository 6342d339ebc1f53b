"""The plugin's records, as values and as JSON. Pure.

A record's ``version`` is the number of its layout. A new layout gets the next number, and a
function here that converts the previous layout, so an upgrade loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, TypeVar

import msgspec

from wgplugin.clock import Moment
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import pool, published
from wgplugin.model.configuration import Mode
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.identity import Id
from wgplugin.model.pool import Pool
from wgplugin.model.prefixes import InterfaceAddress, IPAddress
from wgplugin.model.published import PublishedPort

VERSION = 7


class RecordError(PluginError):
    """Raised for bytes that aren't a record."""


class NewerVersionError(RecordError):
    """Raised for a record from a newer version of the plugin."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records; ``id`` is Docker's id, ``version`` the layout."""

    id: Id
    version: int = VERSION


class Network(Record, frozen=True, kw_only=True):
    """A Docker network: its configuration or pool, and the texts of the tunnel's options.

    ``mtu``: the network's option, in bytes, or None. ``addresses``: the last known IP address of
    each host name in the configuration. ``mode``: that of its creation. In a shared network,
    ``gateways`` are the router's addresses, one in each subnet and in their order, and ``internal``
    is whether nothing goes into the tunnel.

    For a pool, ``used`` are the configurations that containers of the network have had, the latest
    last, and ``failed`` those that had no handshake at their last use. In a shared network with a
    pool, ``chosen`` is the router's configuration, and ``since`` and ``why`` are as in
    `Endpoint`.
    """

    configuration: str
    mtu: int | None = None
    tunnel: dict[str, str] = {}
    addresses: dict[str, str] = {}
    mode: Mode = "container"
    gateways: tuple[str, ...] = ()
    internal: bool = False
    used: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    chosen: str = ""
    since: float = 0.0
    why: str = ""

    @property
    def pool(self) -> Pool:
        """The configurations that it may take."""
        return pool.read(self.configuration)

    @property
    def pool_text(self) -> str:
        """The text of its pool; empty if it has one configuration alone."""
        return self.configuration if self.pool.is_choice else ""

    @property
    def configuration_in_use(self) -> str:
        """The configuration of a shared network's router, or of a network without a pool."""
        return self.chosen or self.configuration

    @property
    def gateway_values(self) -> tuple[InterfaceAddress, ...]:
        """The router's addresses."""
        return tuple(map(ip_interface, self.gateways))


class RouteRecord:
    """A route for Docker to set: a value in memory, and text on disk."""

    __slots__ = ("value",)

    def __init__(self, value: DockerRoute) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouteRecord) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"RouteRecord({self.value})"


class Endpoint(Record, frozen=True, kw_only=True):
    """A container's attachment, with the routes and gateways for Docker to set in it.

    ``routes`` and ``gateways`` are decided when the endpoint is created, as only that call has the
    container's options. ``created``: the moment of that call. ``tunnel``, ``addresses``: the
    container's options. ``assigned``: the addresses from Docker's IPAM. ``interface``: the device's
    name in the container, without its number. ``sandbox``: the key of the container's network
    namespace, empty until Join. ``mac_address``: that of a veth, in a shared network.
    ``published``: the published ports, with the host's. ``number``: that of the container on its
    link, 0 without published ports. ``targets``: in a shared network, the addresses at which
    published ports reach the container, at most one of each family.

    ``former``: the configurations one of which the device may still have, while it is switched to
    ``configuration``; none otherwise. All are claimed. In a network with a pool, ``since`` is
    when the configuration was chosen, in seconds since 1970, and ``why`` says so to the user.
    """

    network_id: Id
    configuration: str
    created: Moment
    routes: tuple[RouteRecord, ...] = ()
    gateways: tuple[str, ...] = ()
    tunnel: dict[str, str] = {}
    addresses: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    interface: str = "wg"
    sandbox: str = ""
    mac_address: str = ""
    published: tuple[str, ...] = ()
    number: int = 0
    targets: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    since: float = 0.0
    why: str = ""

    @property
    def claims(self) -> frozenset[str]:
        """The configurations that nobody else may have."""
        return frozenset((self.configuration, *self.former))

    @property
    def route_values(self) -> tuple[DockerRoute, ...]:
        """The routes."""
        return tuple(route.value for route in self.routes)

    @property
    def gateway_values(self) -> tuple[IPAddress, ...]:
        """The gateways."""
        return tuple(map(ip_address, self.gateways))

    @property
    def own_addresses(self) -> tuple[InterfaceAddress, ...]:
        """The addresses of the container's option."""
        return tuple(map(ip_interface, self.addresses))

    @property
    def assigned_addresses(self) -> tuple[InterfaceAddress, ...]:
        """The addresses of Docker's IPAM."""
        return tuple(map(ip_interface, self.assigned))

    @property
    def ports(self) -> tuple[PublishedPort, ...]:
        """The published ports."""
        return tuple(map(published.read, self.published))

    @property
    def target_values(self) -> tuple[IPAddress, ...]:
        """The addresses at which published ports reach the container."""
        return tuple(map(ip_address, self.targets))


def _from_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 1, which has no time of creation: assume one before this boot."""
    return {**record, "created": {"boot_id": "", "seconds": 0.0}}


def _from_2(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 2, whose routes are in the form of Docker's protocol."""
    routes = [
        {"destination": route["Destination"], "next_hop": route["NextHop"]}
        for route in record.get("routes", ())
    ]
    return {**record, "routes": routes}


def _from_3(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 3, whose networks have no MTU."""
    return {**record}


def _from_4(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 4, which has no shared networks."""
    return {**record}


def _from_5(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 5, which has no published ports."""
    return {**record}


def _from_6(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert version 6, which has no pools."""
    return {**record}


_FROM: dict[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
    6: _from_6,
}

R = TypeVar("R", bound=Record)


def encode(record: Record) -> bytes:
    """Return the record as JSON."""
    return msgspec.json.encode(record, enc_hook=_written)


def decode(data: bytes, kind: type[R]) -> R:
    """Read a record, of this version or an earlier one.

    Raises:
        NewerVersionError: the record is of a later version.
        RecordError: the bytes aren't a record of this kind.
    """
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
        version = msgspec.convert(fields.get("version"), int)
        if version > VERSION:
            message = f"a newer version of the plugin wrote it (layout {version})"
            raise NewerVersionError(Code.STATE_NEWER, message)
        while version < VERSION:
            fields = {**_FROM[version](fields), "version": version + 1}
            version += 1
        return msgspec.convert(fields, kind, dec_hook=_read)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Code.STATE_DAMAGED, str(error)) from None
    except (KeyError, TypeError, RecursionError):
        raise RecordError(Code.STATE_DAMAGED, "it has no layout that is known") from None


def _written(route: Any) -> dict[str, str]:
    """Return a route as text; ``next_hop`` is empty for an on-link route."""
    value: DockerRoute = route.value
    return {"destination": str(value.destination), "next_hop": str(value.next_hop or "")}


def _read(kind: type[Any], fields: Any) -> RouteRecord:
    """Read a route. Raises ValueError, TypeError or KeyError if it is none."""
    next_hop = ip_address(fields["next_hop"]) if fields["next_hop"] else None
    return RouteRecord(DockerRoute(ip_network(fields["destination"]), next_hop))
