"""What the plugin remembers, as values and as bytes of JSON. Pure.

A record's ``version`` tells the layout of its fields. A layout that changes gets the next number
and a function here that turns the one before into it, so that an upgrade loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, TypeVar

import msgspec

from wgplugin.clock import Moment
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import docker_routes
from wgplugin.model.identity import Id
from wgplugin.model.prefixes import Address, Interface

VERSION = 3


class RecordError(PluginError):
    """Raised for bytes that are no record."""


class NewerVersionError(RecordError):
    """Raised for a record that a newer version of the plugin wrote."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records; ``id`` is Docker's."""

    id: Id
    version: int = VERSION


class Network(Record, frozen=True, kw_only=True):
    """A Docker network: the configuration that its containers use, and the tunnel's options.

    ``addresses`` has the last known address of each of the configuration's host names.
    """

    configuration: str
    tunnel: dict[str, str] = {}
    addresses: dict[str, str] = {}


class Route(msgspec.Struct, frozen=True):
    """A route that Docker is to set; ``next_hop`` is empty for one that is on-link."""

    destination: str
    next_hop: str = ""

    @classmethod
    def of(cls, route: docker_routes.Route) -> Route:
        """Return the record of a route."""
        return cls(str(route.destination), str(route.next_hop or ""))

    def value(self) -> docker_routes.Route:
        """Return the route. Raises ValueError if it is none."""
        next_hop = ip_address(self.next_hop) if self.next_hop else None
        return docker_routes.Route(ip_network(self.destination), next_hop)


class Endpoint(Record, frozen=True, kw_only=True):
    """A container's attachment, with what Docker is to set in it.

    ``routes`` and ``gateways`` are decided when the endpoint is created, as that call alone has
    the container's options. ``created`` is when that was. ``tunnel`` and ``addresses`` are those
    options, ``assigned`` the addresses of Docker's IPAM; ``sandbox`` is the key of the container's
    network namespace, from its join on.
    """

    network_id: Id
    configuration: str
    created: Moment
    routes: tuple[Route, ...] = ()
    gateways: tuple[str, ...] = ()
    tunnel: dict[str, str] = {}
    addresses: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    sandbox: str = ""

    @property
    def route_values(self) -> tuple[docker_routes.Route, ...]:
        """The routes."""
        return tuple(route.value() for route in self.routes)

    @property
    def gateway_values(self) -> tuple[Address, ...]:
        """The gateways."""
        return tuple(map(ip_address, self.gateways))

    @property
    def own_addresses(self) -> tuple[Interface, ...]:
        """The addresses of the container's option."""
        return tuple(map(ip_interface, self.addresses))

    @property
    def assigned_addresses(self) -> tuple[Interface, ...]:
        """The addresses of Docker's IPAM."""
        return tuple(map(ip_interface, self.assigned))


def _from_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 didn't tell when an endpoint was created: before this boot, for all we know."""
    return {**record, "created": {"boot_id": "", "seconds": 0.0}}


def _from_2(record: Mapping[str, Any]) -> dict[str, Any]:
    """Version 2 had routes as Docker's protocol writes them."""
    routes = [
        {"destination": route["Destination"], "next_hop": route["NextHop"]}
        for route in record.get("routes", ())
    ]
    return {**record, "routes": routes}


_FROM: dict[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2}

R = TypeVar("R", bound=Record)


def encode(record: Record) -> bytes:
    """Return the record as JSON."""
    return msgspec.json.encode(record)


def decode(data: bytes, kind: type[R]) -> R:
    """Read a record, of this version or an earlier one.

    Raises:
        NewerVersionError: it is of a later version.
        RecordError: it isn't a record of this kind at all.
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
        return msgspec.convert(fields, kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Code.STATE_DAMAGED, str(error)) from None
    except (KeyError, TypeError, RecursionError):
        raise RecordError(Code.STATE_DAMAGED, "it has no layout that is known") from None
