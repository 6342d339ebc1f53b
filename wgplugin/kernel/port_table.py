"""The nftables of published ports in the host's namespace: what goes by links, and back. Pure.

A port of the host leads to a container's address on its link. The client's address stays, but for
one of the loopback, which the container's answers couldn't go to. Docker's own ports come first,
by the priority of its rules. What isn't published doesn't pass, in both directions.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv6Address
from itertools import product

from wgplugin.kernel import nftables
from wgplugin.kernel.matches import from_address, of_version, redirected, to_address, to_port
from wgplugin.kernel.nftables import Chain, Rule, Table
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import GROUP, Publication, PublishedPort

AFTER_DOCKER, MANGLE, FILTER, SOURCE_NAT = -90, -150, 0, 100
"""Priorities; that of Docker's redirections is -100."""

_LOCAL = 2
_REPLY = b"\1"
_SOURCE, _LOOPBACK_IPV4 = 12, b"\x7f"
"""Where packets of IPv4 have their source, and the begin of 127.0.0.0/8."""

_LOOPBACK_IPV6 = IPv6Address("::1")
_GROUP = struct.pack("=I", GROUP)
_ACCEPT = nftables.verdict(nftables.ACCEPT)
_DROP = (*nftables.counter(), *nftables.verdict(nftables.DROP))
_TO_HOST = nftables.address_type(nftables.FIB_DADDR, _LOCAL)
_BY_LINK = nftables.meta(nftables.META_OIFGROUP, _GROUP)
_FROM_LINK = nftables.meta(nftables.META_IIFGROUP, _GROUP)


def port_table(name: str, publications: Collection[Publication]) -> Table:
    """Return the table of these publications."""
    everywhere: list[Rule] = []
    own: list[Rule] = []
    for publication in publications:
        for port, address in product(publication.ports, publication.addresses):
            if serves(port, address):
                # A neighbour can send packets to a loopback address, but nobody should get them.
                is_own = port.address is not None and port.address.is_loopback
                (own if is_own else everywhere).append(_redirected(port, address))
    to_ports, to_own = (*_TO_HOST, *nftables.jump("ports")), (*_TO_HOST, *nftables.jump("own"))
    passed = (
        (*_BY_LINK, *redirected(), *_ACCEPT),
        (*_BY_LINK, *_DROP),
    )
    answers = (
        (*_FROM_LINK, *nftables.ct(nftables.CT_DIRECTION, _REPLY), *_ACCEPT),
        (*_FROM_LINK, *_DROP),
    )
    sources = tuple((*each, *nftables.masquerade()) for each in _from_loopback())
    return Table(
        name,
        (
            Chain("ports", tuple(everywhere)),
            Chain("own", tuple(own)),
            Chain("clients", (to_ports,), "nat", nftables.PREROUTING, AFTER_DOCKER),
            Chain("host", (to_ports, to_own), "nat", nftables.OUTPUT, AFTER_DOCKER),
            Chain("sources", sources, "nat", nftables.POSTROUTING, SOURCE_NAT),
            Chain("answers", answers, "filter", nftables.PREROUTING, MANGLE),
            Chain("forward", passed, "filter", nftables.FORWARD, FILTER),
            Chain("output", passed, "filter", nftables.OUTPUT, FILTER),
        ),
    )


def serves(port: PublishedPort, address: IPAddress) -> bool:
    """Return whether a port leads to a container's address: both are of one family."""
    return port.address is None or port.address.version == address.version


def _redirected(port: PublishedPort, address: IPAddress) -> Rule:
    only = port.address
    return (
        *(to_address(only) if only and not only.is_unspecified else of_version(address.version)),
        *to_port(port.protocol, port.host_port),
        *nftables.dnat(address.packed, port.port),
    )


def _from_loopback() -> Iterator[Rule]:
    """Match what leaves by a link from the host's loopback addresses."""
    loopback = nftables.payload(nftables.NETWORK, _SOURCE, _LOOPBACK_IPV4)
    yield (*_BY_LINK, *of_version(4), *loopback)
    yield (*_BY_LINK, *from_address(_LOOPBACK_IPV6))
