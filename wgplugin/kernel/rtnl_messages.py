"""rtnetlink's messages of links, addresses, routes and rules as bytes. Pure.

Sources: rtnetlink(7), linux/rtnetlink.h, if_link.h, if_addr.h, fib_rules.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import Literal

from wgplugin.kernel.attributes import Message, number, pack, pack_number, text, unpack
from wgplugin.model import namespace
from wgplugin.model.namespace import MAIN_TABLE, TABLE, DeviceAddress, Item, PolicyRule, Route
from wgplugin.model.prefixes import InterfaceAddress, Prefix

GET_LINKS, GET_ADDRESSES, GET_ROUTES, GET_RULES = 18, 22, 26, 34
SET_LINK = 19

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

ROUTE_LOCALNET, RP_FILTER, ARP_IGNORE = 26, 8, 19
"""IPv4 settings of a link (IPV4_DEVCONF_… in linux/ip.h)."""

_NEW_ADDRESS, _DELETE_ADDRESS = 20, 21
_NEW_ROUTE, _DELETE_ROUTE = 24, 25
_NEW_RULE, _DELETE_RULE = 32, 33
_EXCLUSIVE, _CREATE = 0x200, 0x400
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_RULE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HHI")

_IFLA_IFNAME, _IFLA_MTU, _IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_EXT_MASK = 3, 4, 20, 26, 29
_INET_CONF, _INET6_CONF = 1, 2
_WITHOUT_STATISTICS = 8
_DISABLE_IPV6 = 26
_IFF_UP, _ETHERNET = 1, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_PERMANENT, _SCOPE_LINK = 0x80, 253
_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_TABLE = 1, 4, 6, 15
_SCOPE_ANY = 255
_STATIC = 4
_KINDS: dict[int, Literal["device", "unreachable", "throw"]]
_KINDS = {1: "device", 7: "unreachable", 9: "throw"}
_TYPES = {kind: number for number, kind in _KINDS.items()}
_FRA_PRIORITY, _FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE = 6, 10, 14, 15
_TO_TABLE = 1


@dataclass(frozen=True, slots=True)
class Link:
    """A link: ``mtu`` in bytes; ``families`` has 4, and 6 unless IPv6 is disabled.

    ``alias``: of a tunnel's device, its name on the host. ``ipv4``: the IPv4 settings, the first of
    which has number 1.
    """

    index: int
    ifname: str
    alias: str
    up: bool
    mtu: int
    is_ethernet: bool
    families: frozenset[int]
    ipv4: tuple[int, ...]

    def setting(self, number: int) -> int | None:
        """Return an IPv4 setting (ROUTE_LOCALNET, …); None if the link can't carry IPv4."""
        return self.ipv4[number - 1] if self.ipv4 else None


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An address on the link of an index; those of router advertisements aren't permanent."""

    index: int
    interface: InterfaceAddress
    is_permanent: bool
    is_link_local: bool


def list_links() -> bytes:
    """Return the request for all links."""
    return _IFINFO.pack(0, 0, 0, 0, 0) + pack_number(_IFLA_EXT_MASK, _WITHOUT_STATISTICS)


def links(bodies: Iterable[bytes]) -> Iterator[Link]:
    """Yield the links of a list."""
    for body in bodies:
        _, kind, index, flags, _ = _IFINFO.unpack_from(body)
        found = dict(unpack(body[_IFINFO.size :]))
        families = dict(unpack(found.get(_IFLA_AF_SPEC, b"")))
        ipv4 = _settings(families.get(socket.AF_INET, b""), _INET_CONF)
        ipv6 = _settings(families.get(socket.AF_INET6, b""), _INET6_CONF)
        yield Link(
            index,
            text(found[_IFLA_IFNAME]),
            text(found.get(_IFLA_IFALIAS, b"")),
            up=bool(flags & _IFF_UP),
            mtu=number(found[_IFLA_MTU]),
            is_ethernet=kind == _ETHERNET,
            families=frozenset({4, 6} if ipv6 and not ipv6[_DISABLE_IPV6] else {4}),
            ipv4=ipv4,
        )


def set_up(index: int) -> bytes:
    """Return the request to set a link up."""
    return _IFINFO.pack(0, 0, index, _IFF_UP, _IFF_UP)


def set_mtu(index: int, mtu: int) -> bytes:
    """Return the request to change a link's MTU, in bytes."""
    return _IFINFO.pack(0, 0, index, 0, 0) + pack_number(_IFLA_MTU, mtu)


def set_ipv4(index: int, setting: int, value: int) -> bytes:
    """Return the request to change a link's IPv4 setting."""
    conf = pack(_INET_CONF, pack_number(setting, value))
    spec = pack(_IFLA_AF_SPEC, pack(socket.AF_INET, conf))
    return _IFINFO.pack(0, 0, index, 0, 0) + spec


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
        net, index, metric, table = b"", 0, 0, body[4]
        start = _ROUTE.size
        while start + _ATTRIBUTE.size <= len(body):
            length, attribute, value = attribute_at(body, start)
            if attribute == _RTA_DST:
                net = body[start + 4 : start + length]
            elif attribute == _RTA_OIF:
                index = value
            elif attribute == _RTA_PRIORITY:
                metric = value
            elif attribute == _RTA_TABLE:
                table = value
            start += length + 3 & ~3
        yield Route(_network(version, net, body[1]), table, kind, metric), index, body[5]


def list_rules(version: int) -> bytes:
    """Return the request for the rules of a family."""
    return _RULE.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)


def rules(bodies: Iterable[bytes], version: int) -> Iterator[PolicyRule]:
    """Yield the tunnels' rules in a list of one family."""
    for body in bodies:
        found = {kind: number(value) for kind, value in unpack(body[12:])}
        table, priority = found.get(_FRA_TABLE, body[4]), found.get(_FRA_PRIORITY, 0)
        if table in (MAIN_TABLE, TABLE) and priority in namespace.PRIORITIES:
            subnets = found.get(_FRA_SUPPRESS_PREFIXLEN) == 0
            yield PolicyRule(version, priority, table, found.get(_FRA_FWMARK, 0), subnets)


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
    head = _IFADDR.pack(FAMILIES[interface.version], length, 0, 0, index)
    return head + pack(_IFA_LOCAL, packed) + pack(_IFA_ADDRESS, packed)


def _route(route: Route, index: int, protocol: int, scope: int) -> bytes:
    net, kind = route.destination, _TYPES[route.kind]
    body = _ROUTE.pack(FAMILIES[net.version], net.prefixlen, 0, 0, 0, protocol, scope, kind, 0)
    body += pack(_RTA_DST, net.network_address.packed) + pack_number(_RTA_TABLE, route.table)
    if route.metric:
        body += pack_number(_RTA_PRIORITY, route.metric)
    if route.kind == "device" and index:
        body += pack_number(_RTA_OIF, index)
    return body


def _rule(rule: PolicyRule) -> bytes:
    body = _RULE.pack(FAMILIES[rule.version], 0, 0, 0, 0, 0, 0, _TO_TABLE, 0)
    body += pack_number(_FRA_PRIORITY, rule.priority) + pack_number(_FRA_TABLE, rule.table)
    if rule.mark:
        body += pack_number(_FRA_FWMARK, rule.mark)
    if rule.subnets:
        body += pack_number(_FRA_SUPPRESS_PREFIXLEN, 0)
    return body


# The routes of one prefix follow each other in a list.
@lru_cache(16)
def _network(version: int, address: bytes, length: int) -> Prefix:
    found = int.from_bytes(address, "big")
    return IPv4Network((found, length)) if version == 4 else IPv6Network((found, length))


def _settings(family: bytes, kind: int) -> tuple[int, ...]:
    """Return a family's settings in a link's IFLA_AF_SPEC; none if the link hasn't the family."""
    found = dict(unpack(family)).get(kind, b"")
    return struct.unpack(f"={len(found) // 4}i", found)
