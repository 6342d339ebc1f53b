"""rtnetlink's messages of links as bytes. Pure.

Sources: rtnetlink(7), linux/rtnetlink.h, if_link.h, veth.h, netconf.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wgplugin.kernel.attributes import Message, number, pack, pack_number, pick, text, unpack
from wgplugin.model import published
from wgplugin.model.namespace import GROUP

GET_LINKS = 18
SET_LINK = 19
GET_NETCONF = 82

FORWARDING, RP_FILTER, ARP_IGNORE, SRC_VMARK, ROUTE_LOCALNET = 1, 8, 19, 24, 26
"""IPv4 settings of a link (IPV4_DEVCONF_… in linux/ip.h)."""

_NEW_LINK, _DELETE_LINK = 16, 17
_EXCLUSIVE, _CREATE = 0x200, 0x400
_IFINFO = struct.Struct("=BxHiII")
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_GROUP, _IFLA_NET_NS_FD, _IFLA_EXT_MASK = 20, 26, 27, 28, 29
_READ = frozenset(
    (
        *(_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO),
        *(_IFLA_IFALIAS, _IFLA_AF_SPEC, _IFLA_GROUP),
    )
)
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_PEER = 1
_PORT_ISOLATED = 33
_INET_CONF, _INET6_CONF = 1, 2
_WITHOUT_STATISTICS = 8
_DISABLE_IPV6 = 26
_IFF_UP, _IFF_NOARP, _ETHERNET = 0x1, 0x80, 1
_NETCONF_INDEX, _NETCONF_FORWARDING, _ALL = 1, 2, 0xFFFF_FFFF
_NETCONF_HEADER = 4


@dataclass(frozen=True, slots=True)
class Link:
    """A link: ``mtu`` in bytes; ``families`` has 4, and 6 unless IPv6 is disabled.

    ``alias``: of a tunnel's device, its name on the host. ``ipv4``: the IPv4 settings, the first of
    which has number 1. ``kind``: "wireguard", "veth", … ``address``: its own on its link layer.
    ``master``: the index of the bridge that it is a port of, 0 for none; ``is_isolated``: whether
    that passes nothing on to it from other ports of this sort. ``has_arp``: whether it asks for its
    neighbours' addresses; if not, it takes its own for theirs.
    """

    index: int
    ifname: str
    alias: str
    up: bool
    mtu: int
    is_ethernet: bool
    families: frozenset[int]
    ipv4: tuple[int, ...]
    group: int = 0
    kind: str = ""
    address: bytes = b""
    master: int = 0
    is_isolated: bool = False
    has_arp: bool = True

    @property
    def is_tunnel_s(self) -> bool:
        """Whether nftables take it for a tunnel's device."""
        return self.group == GROUP

    @property
    def is_another_network_s(self) -> bool:
        """Whether it is neither a tunnel's nor one for published ports: Docker's, mostly."""
        return self.is_ethernet and self.group not in (GROUP, published.GROUP)

    def setting(self, number: int) -> int | None:
        """Return an IPv4 setting (ROUTE_LOCALNET, …); None if the link can't carry IPv4."""
        return self.ipv4[number - 1] if self.ipv4 else None


def list_links() -> bytes:
    """Return the request for all links."""
    return _IFINFO.pack(0, 0, 0, 0, 0) + pack_number(_IFLA_EXT_MASK, _WITHOUT_STATISTICS)


def get_link(ifname: str) -> bytes:
    """Return the request for one link."""
    return _link(0) + _name(ifname) + pack_number(_IFLA_EXT_MASK, _WITHOUT_STATISTICS)


def links(bodies: Iterable[bytes]) -> Iterator[Link]:
    """Yield the links of a list."""
    for body in bodies:
        _, kind, index, flags, _ = _IFINFO.unpack_from(body)
        found = pick(body, _READ, _IFINFO.size)
        families = dict(unpack(found.get(_IFLA_AF_SPEC, b"")))
        ipv4 = _settings(families.get(socket.AF_INET, b""), _INET_CONF)
        ipv6 = _settings(families.get(socket.AF_INET6, b""), _INET6_CONF)
        info = dict(unpack(found.get(_IFLA_LINKINFO, b"")))
        port = pick(info.get(_INFO_SLAVE_DATA, b""), (_PORT_ISOLATED,))
        yield Link(
            index,
            text(found[_IFLA_IFNAME]),
            text(found.get(_IFLA_IFALIAS, b"")),
            up=bool(flags & _IFF_UP),
            mtu=number(found[_IFLA_MTU]),
            is_ethernet=kind == _ETHERNET,
            families=frozenset({4, 6} if ipv6 and not ipv6[_DISABLE_IPV6] else {4}),
            ipv4=ipv4,
            group=number(found.get(_IFLA_GROUP, b"")),
            kind=text(info.get(_INFO_KIND, b"")),
            address=found.get(_IFLA_ADDRESS, b""),
            master=number(found.get(_IFLA_MASTER, b"")),
            is_isolated=bool(number(port.get(_PORT_ISOLATED, b""))),
            has_arp=not flags & _IFF_NOARP,
        )


def set_up(index: int) -> bytes:
    """Return the request to set a link up."""
    return _IFINFO.pack(0, 0, index, _IFF_UP, _IFF_UP)


def set_resolving_off(index: int) -> bytes:
    """Return the request to have a link use its own link-layer address as its neighbours'."""
    return _IFINFO.pack(0, 0, index, _IFF_NOARP, _IFF_NOARP)


def set_mtu(index: int, mtu: int) -> bytes:
    """Return the request to change a link's MTU, in bytes."""
    return _link(index) + pack_number(_IFLA_MTU, mtu)


def set_group(index: int, group: int = GROUP) -> bytes:
    """Return the request to put a link into a group: the tunnels' by default."""
    return _link(index) + pack_number(_IFLA_GROUP, group)


def set_alias(index: int, alias: str) -> bytes:
    """Return the request to give a link an alias."""
    return _link(index) + pack(_IFLA_IFALIAS, alias.encode())


def set_address(index: int, address: bytes) -> bytes:
    """Return the request to change a link's address on its link layer."""
    return _link(index) + pack(_IFLA_ADDRESS, address)


def set_ipv4(index: int, setting: int, value: int) -> bytes:
    """Return the request to change a link's IPv4 setting."""
    conf = pack(_INET_CONF, pack_number(setting, value))
    return _link(index) + pack(_IFLA_AF_SPEC, pack(socket.AF_INET, conf))


def move(index: int, ifname: str, namespace: int) -> bytes:
    """Return the request to move a link to the namespace of a file descriptor, renamed."""
    return _link(index) + _name(ifname) + pack_number(_IFLA_NET_NS_FD, namespace)


def enslave(index: int, bridge: int) -> bytes:
    """Return the request to make a link a port of a bridge."""
    return _link(index) + pack_number(_IFLA_MASTER, bridge)


def isolate(index: int, isolated: bool) -> Message:
    """Return the message that has a bridge's port isolated from others, or not."""
    port = pack(_INFO_SLAVE_DATA, pack(_PORT_ISOLATED, bytes([isolated])))
    info = pack(_INFO_SLAVE_KIND, b"bridge\0") + port
    return _NEW_LINK, 0, _link(index) + pack(_IFLA_LINKINFO, info)


def bridge(ifname: str, address: bytes) -> Message:
    """Return the message that makes a bridge, of a fixed address on its link layer."""
    info = pack(_IFLA_LINKINFO, pack(_INFO_KIND, b"bridge\0"))
    body = _link(0) + _name(ifname) + pack(_IFLA_ADDRESS, address) + info
    return _NEW_LINK, _CREATE | _EXCLUSIVE, body


def veth(ifname: str, address: bytes, mtu: int | None, peer: str, peer_namespace: int) -> Message:
    """Return the message that makes a veth(4) of the tunnels' group.

    Its other end, named ``peer``, is in the namespace of a file descriptor.
    """
    size = pack_number(_IFLA_MTU, mtu) if mtu else b""
    other = _link(0) + _name(peer) + size + pack_number(_IFLA_NET_NS_FD, peer_namespace)
    own = _link(0) + _name(ifname) + size + pack(_IFLA_ADDRESS, address)
    return _veth(own + pack_number(_IFLA_GROUP, GROUP), other)


def twins(ifname: str, address: bytes, mtu: int | None, peer: str, peer_namespace: int) -> Message:
    """Return the message that makes a veth(4) for published ports, whose ends are alike.

    As they have one address and don't ask for others, each takes its own for that of the other end.
    """
    head = _IFINFO.pack(0, 0, 0, _IFF_NOARP, _IFF_NOARP)
    alike = pack(_IFLA_ADDRESS, address) + pack_number(_IFLA_GROUP, published.GROUP)
    alike += pack_number(_IFLA_MTU, mtu) if mtu else b""
    other = head + _name(peer) + alike + pack_number(_IFLA_NET_NS_FD, peer_namespace)
    return _veth(head + _name(ifname) + alike, other)


def delete(ifname: str) -> Message:
    """Return the message that deletes a link."""
    return _DELETE_LINK, 0, _link(0) + _name(ifname)


def get_forwarding(version: int) -> bytes:
    """Return the request (GET_NETCONF) for a namespace's forwarding of an IP version."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return struct.pack("=B3x", family) + pack_number(_NETCONF_INDEX, _ALL)


def is_forwarded(body: bytes) -> bool:
    """Return whether the IP version is forwarded, by the answer to get_forwarding()."""
    return number(dict(unpack(body[_NETCONF_HEADER:])).get(_NETCONF_FORWARDING, b"")) == 1


def _veth(own: bytes, other: bytes) -> Message:
    info = pack(_INFO_KIND, b"veth\0") + pack(_INFO_DATA, pack(_VETH_PEER, other))
    return _NEW_LINK, _CREATE | _EXCLUSIVE, own + pack(_IFLA_LINKINFO, info)


def _link(index: int) -> bytes:
    return _IFINFO.pack(0, 0, index, 0, 0)


def _name(ifname: str) -> bytes:
    return pack(_IFLA_IFNAME, ifname.encode() + b"\0")


def _settings(family: bytes, kind: int) -> tuple[int, ...]:
    """Return a family's settings in a link's IFLA_AF_SPEC; none if the link hasn't the family."""
    found = pick(family, (kind,)).get(kind, b"")
    return struct.unpack(f"={len(found) // 4}i", found)
