"""What rules of all tables match of packets: IP version, addresses, ports. Pure."""

from __future__ import annotations

import socket
import struct

from wgplugin.kernel import nftables
from wgplugin.kernel.nftables import Rule
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.model.published import PROTOCOLS, Protocol

_FAMILIES = {4: bytes([socket.AF_INET]), 6: bytes([socket.AF_INET6])}
_SOURCES, _DESTINATIONS = {4: 12, 6: 8}, {4: 16, 6: 24}
"""Where packets have their addresses: offsets in bytes."""

_LENGTHS = {4: 4, 6: 16}

_DESTINATION_PORT = 2
_DNATED = 1 << 5
"""A bit of a connection's status (linux/netfilter/nf_conntrack_common.h)."""


def of_version(version: int) -> Rule:
    """Match packets of an IP version."""
    return nftables.meta(nftables.META_NFPROTO, _FAMILIES[version])


def from_address(address: IPAddress) -> Rule:
    """Match packets from an address."""
    place = nftables.payload(nftables.NETWORK, _SOURCES[address.version], address.packed)
    return (*of_version(address.version), *place)


def to_address(address: IPAddress) -> Rule:
    """Match packets to an address."""
    place = nftables.payload(nftables.NETWORK, _DESTINATIONS[address.version], address.packed)
    return (*of_version(address.version), *place)


def to_prefix(net: Prefix) -> Rule:
    """Match packets to addresses of a prefix."""
    mask, address = net.netmask.packed, net.network_address.packed
    place = nftables.masked(nftables.NETWORK, _DESTINATIONS[net.version], mask, address)
    return (*of_version(net.version), *place)


def from_set(name: str, version: int) -> Rule:
    """Match packets from addresses in a set of prefixes of an IP version."""
    place = nftables.within(nftables.NETWORK, _SOURCES[version], _LENGTHS[version], name)
    return (*of_version(version), *place)


def by_source(name: str, version: int) -> Rule:
    """Apply the chain that a map has for the address that a packet of an IP version is from."""
    place = (nftables.NETWORK, _SOURCES[version], _LENGTHS[version])
    return (*of_version(version), *nftables.jump_by(*place, name))


def to_port(protocol: Protocol, port: int) -> Rule:
    """Match packets of a protocol to a port."""
    return (
        *nftables.meta(nftables.META_L4PROTO, bytes([PROTOCOLS[protocol]])),
        *nftables.payload(nftables.TRANSPORT, _DESTINATION_PORT, struct.pack(">H", port)),
    )


def redirected() -> Rule:
    """Match packets of connections whose destination was translated."""
    return nftables.ct_bits(nftables.CT_STATUS, _DNATED)
