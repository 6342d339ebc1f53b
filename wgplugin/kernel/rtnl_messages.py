"""rtnetlink's messages of addresses, routes and rules as bytes. Pure.

Sources: rtnetlink(7), linux/rtnetlink.h, if_addr.h, fib_rules.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address
from typing import Literal

from wgplugin.kernel.attributes import Message, number, pack, pack_number, unpack
from wgplugin.model import namespace, published
from wgplugin.model.namespace import MAIN_TABLE, TABLE, DeviceAddress, Item, PolicyRule, Route
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix

GET_ADDRESSES, GET_ROUTES, GET_RULES = 22, 26, 34

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

_NEW_ADDRESS, _DELETE_ADDRESS = 20, 21
_NEW_ROUTE, _DELETE_ROUTE = 24, 25
_NEW_RULE, _DELETE_RULE = 32, 33
_EXCLUSIVE, _CREATE = 0x200, 0x400
_IFADDR = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_RULE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HHI")

_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NO_DAD, _PERMANENT, _SCOPE_LINK = 0x02, 0x80, 253
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 5, 6, 15
_RTA_PREFSRC = 7
_ON_LINK = 4
_SCOPE_ANY = 255
_STATIC = 4
_KINDS: dict[int, Literal["device", "local", "unreachable", "throw"]]
_KINDS = {1: "device", 2: "local", 7: "unreachable", 9: "throw"}
_TYPES = {kind: number for number, kind in _KINDS.items()}
_FRA_SRC, _FRA_PRIORITY, _FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE = 2, 6, 10, 14, 15
_FRA_IP_PROTO = 22
_TO_TABLE = 1
_PRIORITIES = {
    MAIN_TABLE: namespace.PRIORITIES,
    TABLE: namespace.PRIORITIES,
    published.TABLE: published.PRIORITIES,
}


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An address on the link of an index; those of router advertisements aren't permanent."""

    index: int
    interface: InterfaceAddress
    is_permanent: bool
    is_link_local: bool


def list_addresses(index: int = 0) -> bytes:
    """Return the request for the addresses of a link, 0 for all links."""
    return _IFADDR.pack(0, 0, 0, 0, index)


def addresses(bodies: Iterable[bytes]) -> Iterator[LinkAddress]:
    """Yield the addresses of a list."""
    for body in bodies:
        family, length, flags, scope, index = _IFADDR.unpack_from(body)
        found = dict(unpack(body[_IFADDR.size :]))
        if _IFA_FLAGS in found:
            flags = number(found[_IFA_FLAGS])
        # A point-to-point link has its own address in the one, and its neighbour's in the other.
        address = int.from_bytes(found.get(_IFA_LOCAL) or found[_IFA_ADDRESS], "big")
        kind = IPv4Interface if family == socket.AF_INET else IPv6Interface
        yield LinkAddress(
            index, kind((address, length)), bool(flags & _PERMANENT), scope == _SCOPE_LINK
        )


def list_routes(version: int, table: int) -> bytes:
    """Return the request for the routes of a table; without that, the kernel answers ENOENT."""
    head = _ROUTE.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)
    return head + pack_number(_RTA_TABLE, table)


def routes(bodies: Iterable[bytes], version: int) -> Iterator[tuple[Route, int, int]]:
    """Yield the routes of a list of one family, each with its link's index and its protocol."""
    attribute_at = _ATTRIBUTE.unpack_from
    for body in bodies:
        kind = _KINDS.get(body[7])
        if kind is None:
            continue
        net, via, source, index, metric, table = b"", b"", b"", 0, 0, body[4]
        start = _ROUTE.size
        while start + _ATTRIBUTE.size <= len(body):
            length, attribute, value = attribute_at(body, start)
            if attribute == _RTA_DST:
                net = body[start + 4 : start + length]
            elif attribute == _RTA_OIF:
                index = value
            elif attribute == _RTA_GATEWAY:
                via = body[start + 4 : start + length]
            elif attribute == _RTA_PREFSRC:
                source = body[start + 4 : start + length]
            elif attribute == _RTA_PRIORITY:
                metric = value
            elif attribute == _RTA_TABLE:
                table = value
            start += length + 3 & ~3
        hops = (_hop(each) if each else None for each in (via, source))
        yield Route(_network(version, net, body[1]), table, kind, metric, *hops), index, body[5]


def list_rules(version: int) -> bytes:
    """Return the request for the rules of a family."""
    return _RULE.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)


def rules(bodies: Iterable[bytes], version: int) -> Iterator[PolicyRule]:
    """Yield the plugin's rules in a list of one family."""
    for body in bodies:
        attributes = dict(unpack(body[12:]))
        found = {kind: number(value) for kind, value in attributes.items()}
        table, priority = found.get(_FRA_TABLE, body[4]), found.get(_FRA_PRIORITY, 0)
        if priority in _PRIORITIES.get(table, ()):
            subnets = found.get(_FRA_SUPPRESS_PREFIXLEN) == 0
            source = attributes.get(_FRA_SRC)
            yield PolicyRule(
                version,
                priority,
                table,
                found.get(_FRA_FWMARK, 0),
                subnets,
                _network(version, source, body[2]) if source else None,
                found.get(_FRA_IP_PROTO, 0),
            )


def addition(item: Item, index: int) -> Message:
    """Return the message that adds an item, on the device of an index if it is the device's."""
    flags = _CREATE | _EXCLUSIVE
    match item:
        case DeviceAddress():
            return _NEW_ADDRESS, flags, _address(item, index)
        case Route():
            return _NEW_ROUTE, flags, _route(item, index, _STATIC, 0)
        case PolicyRule():
            return _NEW_RULE, flags, _rule(item)


def deletion(item: Item, index: int) -> Message:
    """Return the message that deletes an item; a route of any protocol and scope."""
    match item:
        case DeviceAddress():
            return _DELETE_ADDRESS, 0, _address(item, index)
        case Route():
            return _DELETE_ROUTE, 0, _route(item, index, 0, _SCOPE_ANY)
        case PolicyRule():
            return _DELETE_RULE, 0, _rule(item)


def _address(item: DeviceAddress, index: int) -> bytes:
    interface = item.interface
    packed, length = interface.ip.packed, interface.network.prefixlen
    # Nobody else has it: it would be unusable until the neighbours were asked.
    flags = _NO_DAD if interface.version == 6 else 0
    head = _IFADDR.pack(FAMILIES[interface.version], length, flags, 0, index)
    return head + pack(_IFA_LOCAL, packed) + pack(_IFA_ADDRESS, packed)


def _route(route: Route, index: int, protocol: int, scope: int) -> bytes:
    net, kind = route.destination, _TYPES[route.kind]
    # The next hop of an answer isn't in a subnet of the device's.
    flags = _ON_LINK if route.via and route.table == published.TABLE else 0
    head = (FAMILIES[net.version], net.prefixlen, 0, 0, 0, protocol, scope, kind, flags)
    body = _ROUTE.pack(*head)
    body += pack(_RTA_DST, net.network_address.packed) + pack_number(_RTA_TABLE, route.table)
    if route.metric:
        body += pack_number(_RTA_PRIORITY, route.metric)
    if route.kind in ("device", "local") and index:
        body += pack_number(_RTA_OIF, index)
    if route.via:
        body += pack(_RTA_GATEWAY, route.via.packed)
    if route.source:
        body += pack(_RTA_PREFSRC, route.source.packed)
    return body


def _rule(rule: PolicyRule) -> bytes:
    length = rule.source.prefixlen if rule.source else 0
    body = _RULE.pack(FAMILIES[rule.version], 0, length, 0, 0, 0, 0, _TO_TABLE, 0)
    body += pack_number(_FRA_PRIORITY, rule.priority) + pack_number(_FRA_TABLE, rule.table)
    if rule.mark:
        body += pack_number(_FRA_FWMARK, rule.mark)
    if rule.subnets:
        body += pack_number(_FRA_SUPPRESS_PREFIXLEN, 0)
    if rule.source:
        body += pack(_FRA_SRC, rule.source.network_address.packed)
    if rule.protocol:
        body += pack(_FRA_IP_PROTO, bytes([rule.protocol]))
    return body


# The routes of one prefix follow each other in a list.
@lru_cache(16)
def _network(version: int, address: bytes, length: int) -> Prefix:
    found = int.from_bytes(address, "big")
    return IPv4Network((found, length)) if version == 4 else IPv6Network((found, length))


@lru_cache(16)
def _hop(address: bytes) -> IPAddress:
    return ip_address(address)
