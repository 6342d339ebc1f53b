"""A tunnel's nftables in its container: who is answered past it, and who is asked for names. Pure.

Docker's resolver listens on 127.0.0.11, and may ask the servers of the host for what it doesn't
know, in the host's namespace (moby, libnetwork/resolver.go). So a query never gets to it unless
its name has one label, as those of containers and services have.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from wgplugin import nft
from wgplugin.nft import Chain, Rule
from wgplugin.plan import MARK, Plan

RAW, MANGLE, FILTER, BEFORE_DOCKER, BEFORE_MASQUERADE = -300, -150, 0, -110, 90

DOCKERS_RESOLVER = IPv4Address("127.0.0.11").packed
DNS = struct.pack(">H", 53)
_NO_LINK_LAYER = struct.pack("=H", 65534)
_LOCAL = 2
_IPV4, _IPV6 = bytes([socket.AF_INET]), bytes([socket.AF_INET6])
_UDP, _TCP = bytes([socket.IPPROTO_UDP]), bytes([socket.IPPROTO_TCP])
_QUESTION = 8 + 12
_LABEL_LENGTHS = range(1, 64)

Address = IPv4Address | IPv6Address


def chains(plan: Plan) -> tuple[Chain, ...]:
    """Return the chains of a plan's table."""
    return (*_answers(address.ip for address in plan.addresses), *_names(plan.dns))


def _answers(own: Iterable[Address]) -> Iterator[Chain]:
    """Mark what answers clients of other networks: replies that aren't from the tunnel's address.

    A peer can't have itself answered past the tunnel: what comes out of it for an address that
    isn't the tunnel's is dropped.
    """
    keep = [(*_source(address), *nft.verdict(nft.ACCEPT)) for address in own]
    reply = (*nft.ct(nft.CT_DIRECTION, b"\1"), *nft.set_mark(MARK))
    yield Chain("answers", (*keep, reply), "route", nft.OUTPUT, MANGLE)
    stranger = (
        *nft.meta(nft.META_IIFTYPE, _NO_LINK_LAYER),
        *nft.address_type(nft.FIB_DADDR, _LOCAL),
        *nft.address_type(nft.FIB_DADDR | nft.FIB_IIF, _LOCAL, equal=False),
        *nft.verdict(nft.DROP),
    )
    yield Chain("strangers", (stranger,), "filter", nft.PREROUTING, RAW)


def _names(server: IPv4Address | None) -> Iterator[Chain]:
    """Send queries to a server, but for those that Docker's resolver can answer itself.

    A socket that asks for a container and then for another name is bound to Docker's resolver by
    its connection: that other query is dropped. What the resolver of the container's own
    (127.0.0.1) is asked stays there.
    """
    if server is None:
        return
    to_docker = nft.payload(nft.NETWORK, 16, DOCKERS_RESOLVER)
    udp = (*nft.meta(nft.META_NFPROTO, _IPV4), *nft.meta(nft.META_L4PROTO, _UDP))
    queries = nft.payload(nft.TRANSPORT, 2, DNS)
    yield Chain("containers", tuple(map(_single_label, _LABEL_LENGTHS)))
    ask = (
        (*udp, *queries, *to_docker, *nft.jump("containers")),
        *(
            (
                *nft.meta(nft.META_NFPROTO, _IPV4),
                *nft.meta(nft.META_L4PROTO, protocol),
                *queries,
                *_loopback(16),
                *nft.payload(nft.NETWORK, 16, DOCKERS_RESOLVER, equal=False),
                *nft.verdict(nft.ACCEPT),
            )
            for protocol in (_UDP, _TCP)
        ),
        *(
            (
                *nft.meta(nft.META_NFPROTO, _IPV4),
                *nft.meta(nft.META_L4PROTO, protocol),
                *queries,
                *nft.dnat_ipv4(server.packed),
            )
            for protocol in (_UDP, _TCP)
        ),
    )
    yield Chain("names", ask, "nat", nft.OUTPUT, BEFORE_DOCKER)
    bound = (*udp, *to_docker, *nft.ct(nft.CT_PROTO_DST, DNS, original=True))
    first = (*bound, *nft.ct(nft.CT_DIRECTION, b"\0"))
    stray = ((*first, *nft.jump("containers")), (*first, *nft.verdict(nft.DROP)))
    yield Chain("strays", stray, "filter", nft.OUTPUT, FILTER)
    source = (
        *nft.meta(nft.META_NFPROTO, _IPV4),
        *nft.meta(nft.META_OIFTYPE, _NO_LINK_LAYER),
        *_loopback(12),
        *nft.masquerade(),
    )
    yield Chain("sources", (source,), "nat", nft.POSTROUTING, BEFORE_MASQUERADE)


def _single_label(length: int) -> Rule:
    return (
        *nft.payload(nft.TRANSPORT, _QUESTION, bytes([length])),
        *nft.payload(nft.TRANSPORT, _QUESTION + 1 + length, b"\0"),
        *nft.verdict(nft.ACCEPT),
    )


def _loopback(offset: int) -> Rule:
    return nft.masked(nft.NETWORK, offset, b"\xff\0\0\0", b"\x7f\0\0\0")


def _source(address: Address) -> Rule:
    family, offset = (_IPV4, 12) if address.version == 4 else (_IPV6, 8)
    return (
        *nft.meta(nft.META_NFPROTO, family),
        *nft.payload(nft.NETWORK, offset, address.packed),
    )
