"""Links, addresses, routes and rules of one network namespace, by rtnetlink."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network
from typing import Any

from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError

from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.kernel.netlink import request, rtnetlink
from wgplugin.model import namespace
from wgplugin.model.namespace import (
    MAIN_TABLE,
    TABLE,
    Changes,
    DeviceAddress,
    Found,
    Item,
    OtherNetwork,
    PolicyRule,
    Route,
)
from wgplugin.model.prefixes import EVERYTHING, Prefix

ROUTE_LOCALNET, RP_FILTER, ARP_IGNORE = 26, 8, 19
"""IPv4 settings of a link (IPV4_DEVCONF_… in linux/ip.h)."""

_RTM_SETLINK = 19
_IFF_UP = 1
_ARPHRD_ETHER = 1
_STRICT, _LOOSE = 1, 2
_OWN_TARGETS = 1
_SCOPE_LINK, _SCOPE_NOWHERE = 253, 255
_PERMANENT = 0x80
_PROTO_KERNEL, _SET = 2, (3, 4)
_KINDS = {1: "device", 7: "unreachable", 9: "throw"}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_DONE_BY_OTHERS = (errno.EEXIST, errno.ESRCH, errno.ENOENT, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class Link:
    """A tunnel's device: ``mtu`` in bytes; ``families`` has 4, and 6 unless IPv6 is disabled."""

    index: int
    ifname: str
    up: bool
    mtu: int
    families: frozenset[int]


class Links:
    """The network namespace of the thread that opens this; the socket keeps it alive.

    Every method raises pyroute2's NetlinkError if the kernel refuses.
    """

    def __enter__(self) -> Links:
        """Open the socket, and list the links as they are at this moment."""
        self._socket: Any = rtnetlink()
        self._all: list[Any] = list(self._socket.link("dump"))
        return self

    def __exit__(self, *error: object) -> None:
        """Close the socket."""
        self._socket.close()

    def find(self, device: str) -> Link | None:
        """Return a device by its name here or on the host (its alias); None if it isn't here."""
        for link in self._all:
            if device in (link.get_attr("IFLA_IFALIAS"), link.get_attr("IFLA_IFNAME")):
                ipv6 = _settings(link, "AF_INET6")
                conf = ipv6 and ipv6.get_attr("IFLA_INET6_CONF")
                return Link(
                    index=link["index"],
                    ifname=link.get_attr("IFLA_IFNAME"),
                    up=bool(link["flags"] & _IFF_UP),
                    mtu=link.get_attr("IFLA_MTU"),
                    families=frozenset({4} if not conf or conf["disable_ipv6"] else {4, 6}),
                )
        return None

    def set_mtu(self, link: Link, mtu: int) -> None:
        """Change a link's MTU, in bytes."""
        self._socket.link("set", index=link.index, mtu=mtu)

    def set_ipv4(self, index: int, setting: int, value: int) -> None:
        """Change a link's IPv4 setting, as sysctl(8) would; /proc/sys is read-only here."""
        message = _LinkMessage()
        message["index"] = index
        attribute = struct.pack("=HHHHHHI", 16, socket.AF_INET, 12, 1, 8, setting, value)
        message["attrs"] = [("IFLA_AF_SPEC", attribute)]
        request(self._socket, message, _RTM_SETLINK)

    def tune(self) -> None:
        """Tune Docker's links to a tunnel: loosen a strict rp_filter, and set arp_ignore to 1.

        Strict drops packets of clients in other networks if the route to them is the tunnel. With
        arp_ignore, neighbours there get no answer for a tunnel's address.
        """
        for link in self._others():
            ipv4 = _settings(link, "AF_INET")
            if ipv4 and ipv4["rp_filter"] == _STRICT:
                self.set_ipv4(link["index"], RP_FILTER, _LOOSE)
            if ipv4 and not ipv4["arp_ignore"]:
                self.set_ipv4(link["index"], ARP_IGNORE, _OWN_TARGETS)

    def other_networks(self) -> frozenset[OtherNetwork]:
        """Return the other networks, as somebody has set them up: not by router advertisements."""
        subnets: dict[int, set[Prefix]] = {link["index"]: set() for link in self._others()}
        for found in self._socket.addr("dump"):
            flags = found.get_attr("IFA_FLAGS") or found["flags"]
            if found["index"] in subnets and flags & _PERMANENT:
                address = found.get_attr("IFA_ADDRESS")
                net = ip_interface((address, found["prefixlen"])).network
                subnets[found["index"]].add(net)
        for version, route in self._routes():
            index = route.get_attr("RTA_OIF")
            is_set = route["proto"] in _SET and route["dst_len"]
            if index in subnets and is_set and route.get_attr("RTA_TABLE") == MAIN_TABLE:
                subnets[index].add(_destination(route, version))
        return frozenset(
            OtherNetwork(link.get_attr("IFLA_IFNAME"), frozenset(subnets[link["index"]]))
            for link in self._others()
        )

    def found(self, owner: int, index: int = 0, *, main: bool = False) -> Found:
        """Return a tunnel's items, and the rules of all tunnels.

        ``owner`` is the number of the tunnel's network. ``index`` is its device's index, 0 if it
        isn't there yet. ``main`` includes the routes that Docker has set in the main table.
        """
        items: set[Item] = set(self._addresses(index)) if index else set()
        others = set()
        for version, found in self._routes():
            route = _route(found, version)
            is_device_s = index != 0 and found.get_attr("RTA_OIF") == index
            if route and route.table == TABLE:
                is_owned = (
                    is_device_s if route.kind == "device" else namespace.owner(route) == owner
                )
                if is_owned:
                    items.add(route)
                else:
                    others.add(version)
            elif route and main and is_device_s and _is_dockers(found):
                items.add(replace(route, metric=0))
        for family in _families():
            items.update(filter(None, map(_rule, self._socket.rule("dump", family=family))))
        return Found(frozenset(items), frozenset(others))

    def change(self, todo: Changes, index: int = 0) -> None:
        """Make changes to the tunnel on the device of this index; skip those already made."""
        for verb, items in (("add", todo.add), ("del", todo.delete)):
            for item in items:
                try:
                    self._change(verb, item, index)
                except NetlinkError as error:
                    if error.code not in _DONE_BY_OTHERS:
                        raise NetlinkError(error.code, f"{verb} {item}") from None

    def _others(self) -> Iterator[Any]:
        return (link for link in self._all if link["ifi_type"] == _ARPHRD_ETHER)

    def _routes(self) -> Iterator[tuple[int, Any]]:
        for family, version in _families().items():
            for route in self._socket.route("dump", family=family):
                yield version, route

    def _addresses(self, index: int) -> Iterator[DeviceAddress]:
        for found in self._socket.addr("dump", index=index):
            if found["scope"] != _SCOPE_LINK:
                address = found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS")
                yield DeviceAddress(ip_interface((address, found["prefixlen"])))

    def _change(self, verb: str, item: Item, index: int) -> None:
        if isinstance(item, DeviceAddress):
            address, prefix = str(item.interface.ip), item.interface.network.prefixlen
            self._socket.addr(verb, index=index, address=address, prefixlen=prefix)
        elif isinstance(item, Route):
            self._socket.route(verb, **_route_arguments(item, index, verb))
        elif item.version == 4 or has_ipv6():
            self._socket.rule(verb, **_rule_arguments(item))


class _LinkMessage(nlmsg):  # type: ignore[misc]
    """A change of a link's settings of one family (ifinfomsg), with a ready-made attribute."""

    fields = (
        ("family", "B"),
        ("__align", "x"),
        ("ifi_type", "H"),
        ("index", "i"),
        ("flags", "I"),
        ("change", "I"),
    )
    nla_map = ((26, "IFLA_AF_SPEC", "cdata"),)


def _families() -> dict[int, int]:
    """Return the address families of this host, with their IP versions."""
    return {family: version for version, family in _FAMILIES.items() if version == 4 or has_ipv6()}


def _settings(link: Any, family: str) -> Any:
    families = link.get_attr("IFLA_AF_SPEC")
    return families and families.get_attr(family)


def _destination(found: Any, version: int) -> Prefix:
    net = found.get_attr("RTA_DST") or EVERYTHING[version].network_address
    return ip_network((net, found["dst_len"]))


def _route(found: Any, version: int) -> Route | None:
    kind = _KINDS.get(found["type"])
    if kind is None:
        return None
    table, metric = found.get_attr("RTA_TABLE"), found.get_attr("RTA_PRIORITY") or 0
    return Route(_destination(found, version), table, kind, metric)  # type: ignore[arg-type]


def _is_dockers(found: Any) -> bool:
    return bool(found.get_attr("RTA_TABLE") == MAIN_TABLE and found["proto"] != _PROTO_KERNEL)


def _rule(found: Any) -> PolicyRule | None:
    table, priority = found.get_attr("FRA_TABLE"), found.get_attr("FRA_PRIORITY")
    if table not in (MAIN_TABLE, TABLE) or priority not in namespace.PRIORITIES:
        return None
    return PolicyRule(
        version=4 if found["family"] == socket.AF_INET else 6,
        priority=priority,
        table=table,
        mark=found.get_attr("FRA_FWMARK") or 0,
        subnets=found.get_attr("FRA_SUPPRESS_PREFIXLEN") == 0,
    )


def _route_arguments(route: Route, index: int, verb: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "dst": str(route.destination),
        "family": _FAMILIES[route.destination.version],
        "table": route.table,
    }
    if route.kind != "device":
        arguments["type"] = route.kind
    elif index:
        arguments["oif"] = index
    if route.metric:
        arguments["priority"] = route.metric
    if verb == "del":
        arguments["scope"] = _SCOPE_NOWHERE
    return arguments


def _rule_arguments(rule: PolicyRule) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "family": _FAMILIES[rule.version],
        "priority": rule.priority,
        "table": rule.table,
    }
    if rule.mark:
        arguments["fwmark"] = rule.mark
    if rule.subnets:
        arguments["FRA_SUPPRESS_PREFIXLEN"] = 0
    return arguments
