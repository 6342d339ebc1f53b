"""A tunnel's nftables in its container: replies to clients of other networks, and DNS. Pure.

Docker's resolver listens on 127.0.0.11. It may forward a query to the host's DNS servers, from the
host's namespace (moby, libnetwork/resolver.go): a DNS leak. So it gets only queries for names of a
single label, as containers and services have.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from wgplugin.kernel import nftables
from wgplugin.kernel.nftables import Chain, Rule
from wgplugin.model.namespace import MARK, Plan
from wgplugin.model.prefixes import IPAddress

RAW, MANGLE, FILTER, BEFORE_DOCKER, BEFORE_MASQUERADE = -300, -150, 0, -110, 90

DOCKERS_RESOLVER = IPv4Address("127.0.0.11").packed
DNS = struct.pack(">H", 53)
_NO_LINK_LAYER = struct.pack("=H", 65534)
_LOCAL = 2
_IPV4, _IPV6 = bytes([socket.AF_INET]), bytes([socket.AF_INET6])
_UDP, _TCP = bytes([socket.IPPROTO_UDP]), bytes([socket.IPPROTO_TCP])
_QUESTION = 8 + 12
_LABEL_LENGTHS = range(1, 64)


def chains(plan: Plan) -> tuple[Chain, ...]:
    """Return the chains of a plan's table."""
    return (*_replies(address.ip for address in plan.addresses), *_names(plan.dns))


def _replies(own: Iterable[IPAddress]) -> Iterator[Chain]:
    """Mark replies to clients of other networks, so that they leave past the tunnel.

    These are the replies from other addresses than the tunnel's. A peer gets no such reply: a
    packet from the tunnel to another local address is dropped.
    """
    keep = [(*_source(address), *nftables.verdict(nftables.ACCEPT)) for address in own]
    reply = (*nftables.ct(nftables.CT_DIRECTION, b"\1"), *nftables.set_mark(MARK))
    yield Chain("replies", (*keep, reply), "route", nftables.OUTPUT, MANGLE)
    stranger = (
        *nftables.meta(nftables.META_IIFTYPE, _NO_LINK_LAYER),
        *nftables.address_type(nftables.FIB_DADDR, _LOCAL),
        *nftables.address_type(nftables.FIB_DADDR | nftables.FIB_IIF, _LOCAL, equal=False),
        *nftables.verdict(nftables.DROP),
    )
    yield Chain("strangers", (stranger,), "filter", nftables.PREROUTING, RAW)


def _names(server: IPv4Address | None) -> Iterator[Chain]:
    """Redirect DNS queries to ``server``, except those that Docker's resolver can answer itself.

    A socket may ask for a container and then for another name. Conntrack has bound it to Docker's
    resolver by then, so the other query is dropped. Queries to a resolver of the container's own
    (127.0.0.1) stay there.
    """
    if server is None:
        return
    to_docker = nftables.payload(nftables.NETWORK, 16, DOCKERS_RESOLVER)
    udp = (
        *nftables.meta(nftables.META_NFPROTO, _IPV4),
        *nftables.meta(nftables.META_L4PROTO, _UDP),
    )
    queries = nftables.payload(nftables.TRANSPORT, 2, DNS)
    yield Chain("containers", tuple(map(_single_label, _LABEL_LENGTHS)))
    ask = (
        (*udp, *queries, *to_docker, *nftables.jump("containers")),
        *(
            (
                *nftables.meta(nftables.META_NFPROTO, _IPV4),
                *nftables.meta(nftables.META_L4PROTO, protocol),
                *queries,
                *_loopback(16),
                *nftables.payload(nftables.NETWORK, 16, DOCKERS_RESOLVER, equal=False),
                *nftables.verdict(nftables.ACCEPT),
            )
            for protocol in (_UDP, _TCP)
        ),
        *(
            (
                *nftables.meta(nftables.META_NFPROTO, _IPV4),
                *nftables.meta(nftables.META_L4PROTO, protocol),
                *queries,
                *nftables.dnat_ipv4(server.packed),
            )
            for protocol in (_UDP, _TCP)
        ),
    )
    yield Chain("names", ask, "nat", nftables.OUTPUT, BEFORE_DOCKER)
    bound = (*udp, *to_docker, *nftables.ct(nftables.CT_PROTO_DST, DNS, original=True))
    first = (*bound, *nftables.ct(nftables.CT_DIRECTION, b"\0"))
    stray = ((*first, *nftables.jump("containers")), (*first, *nftables.verdict(nftables.DROP)))
    yield Chain("strays", stray, "filter", nftables.OUTPUT, FILTER)
    source = (
        *nftables.meta(nftables.META_NFPROTO, _IPV4),
        *nftables.meta(nftables.META_OIFTYPE, _NO_LINK_LAYER),
        *_loopback(12),
        *nftables.masquerade(),
    )
    yield Chain("sources", (source,), "nat", nftables.POSTROUTING, BEFORE_MASQUERADE)


def _single_label(length: int) -> Rule:
    """Accept a query for a name that is a single label of this length."""
    return (
        *nftables.payload(nftables.TRANSPORT, _QUESTION, bytes([length])),
        *nftables.payload(nftables.TRANSPORT, _QUESTION + 1 + length, b"\0"),
        *nftables.verdict(nftables.ACCEPT),
    )


def _loopback(offset: int) -> Rule:
    return nftables.masked(nftables.NETWORK, offset, b"\xff\0\0\0", b"\x7f\0\0\0")


def _source(address: IPAddress) -> Rule:
    family, offset = (_IPV4, 12) if address.version == 4 else (_IPV6, 8)
    return (
        *nftables.meta(nftables.META_NFPROTO, family),
        *nftables.payload(nftables.NETWORK, offset, address.packed),
    )
