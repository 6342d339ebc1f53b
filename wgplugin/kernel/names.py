"""Where a container's DNS queries go: to the tunnel's server. Pure.

Docker's resolver listens on 127.0.0.11. It may forward a query to the host's DNS servers, from the
host's namespace (moby, libnetwork/resolver.go): a DNS leak. So it gets only queries for names of a
single label, as containers and services have, and only by its port 53: the port behind that, which
/proc/net/udp shows, is closed.

A program may use one socket for several names, whose queries go where the first one went (that is
how conntrack and NAT work). A query for a name that must not go there is dropped.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from wgplugin.kernel import nftables
from wgplugin.kernel.nftables import Chain, Rule
from wgplugin.model.namespace import Plan

FILTER, BEFORE_MASQUERADE = 0, 90
BEFORE_DOCKER, BEFORE_ALL_NAMES = -110, -111
"""Priorities of NAT: the first chain that redirects a connection decides."""

DOCKERS_RESOLVER = IPv4Address("127.0.0.11").packed
PORT = struct.pack(">H", 53)
_IPV4 = bytes([socket.AF_INET])
_UDP, _TCP = bytes([socket.IPPROTO_UDP]), bytes([socket.IPPROTO_TCP])
_DESTINATION, _SOURCE = 16, 12
_QUESTION = 8 + 12
_LABEL_LENGTHS = range(1, 64)
_LONGEST_NAME = 255
_MOST_BYTES = 60
"""The longest end of a name that is compared: registers of nftables have room for 64 bytes."""
_LARGEST_OFFSET = 255
"""Behind this, nftables can't look: a name that ends there isn't known to be in a domain."""

_ACCEPT, _DROP = nftables.verdict(nftables.ACCEPT), nftables.verdict(nftables.DROP)
_FIRST_WAY = nftables.ct(nftables.CT_DIRECTION, b"\0")
_SENT_TO_53 = nftables.ct(nftables.CT_PROTO_DST, PORT, original=True)


def chains(plan: Plan) -> Iterator[Chain]:
    """Return the chains of a plan."""
    if plan.closed:
        yield from _silent(plan.dns)
    elif plan.dns and plan.all_names:
        yield from _all_names(plan.dns)
        yield _sources()
    elif plan.dns and plan.domains:
        yield from _some_names(plan.dns, plan.domains)
        yield _sources()


def _silent(server: IPv4Address | None) -> Iterator[Chain]:
    """Stop all queries to Docker's resolver, which would send them past the closed tunnel."""
    if server:
        rule = (*_ipv4(), *_to(DOCKERS_RESOLVER), *_FIRST_WAY, *_DROP)
        yield Chain("strays", (rule,), "filter", nftables.OUTPUT, FILTER)


def _all_names(server: IPv4Address) -> Iterator[Chain]:
    """Redirect queries, except those that Docker's resolver can answer itself.

    Queries to a resolver of the container's own (127.0.0.1) stay there.
    """
    redirect = nftables.dnat(server.packed)
    yield Chain("containers", tuple(map(_single_label, _LABEL_LENGTHS)))
    ask = (
        (*_query(_UDP), *_to(DOCKERS_RESOLVER), *nftables.jump("containers")),
        *((*_query(protocol), *_own_resolver(), *_ACCEPT) for protocol in (_UDP, _TCP)),
        *((*_query(protocol), *redirect) for protocol in (_UDP, _TCP)),
    )
    yield Chain("names", ask, "nat", nftables.OUTPUT, BEFORE_DOCKER)
    to_docker = (*_ipv4(), *_to(DOCKERS_RESOLVER), *_FIRST_WAY)
    strays = (
        (*to_docker, *_protocol(_UDP), *_SENT_TO_53, *nftables.jump("containers")),
        (*to_docker, *_protocol(_TCP), *_SENT_TO_53, *_ACCEPT),
        (*to_docker, *_DROP),
    )
    yield Chain("strays", strays, "filter", nftables.OUTPUT, FILTER)


def _some_names(server: IPv4Address, domains: Iterable[str]) -> Iterator[Chain]:
    """Redirect queries for names in the domains; only over UDP does the first packet show one."""
    redirect = nftables.dnat(server.packed)
    ends = [rule for domain in domains for rule in _ends(domain)]
    yield Chain("domains", tuple((*end, *redirect) for end in ends))
    yield Chain("asked", tuple((*end, *_ACCEPT) for end in ends))
    ask = (
        (*_query(_UDP), *_own_resolver(), *_ACCEPT),
        (*_query(_UDP), *nftables.jump("domains")),
    )
    yield Chain("names", ask, "nat", nftables.OUTPUT, BEFORE_ALL_NAMES)
    to_server = (*_ipv4(), *_protocol(_UDP), *_to(server.packed), *_SENT_TO_53, *_FIRST_WAY)
    strays = ((*to_server, *nftables.jump("asked")), (*to_server, *_DROP))
    yield Chain("strays", strays, "filter", nftables.OUTPUT, FILTER)


def _sources() -> Chain:
    """Give queries from the loopback, now on their way into the tunnel, the tunnel's address."""
    rule = (
        *_ipv4(),
        *nftables.meta(nftables.META_OIFGROUP, nftables.OURS),
        *_loopback(_SOURCE),
        *nftables.masquerade(),
    )
    return Chain("sources", (rule,), "nat", nftables.POSTROUTING, BEFORE_MASQUERADE)


def _ends(domain: str) -> Iterator[Rule]:
    """Match queries for a domain's names: by the end of the name, for each length of the name.

    Letters of either case are the same (RFC 4343): the bit that tells them apart is masked.
    """
    labels = domain.strip(".").lower().encode().split(b".")
    text = b"".join(bytes([len(label)]) + label for label in labels if label) + b"\0"
    end = text[-_MOST_BYTES:]
    mask = bytes(0xDF if chr(byte).isalpha() else 0xFF for byte in end)
    value = bytes(byte & bit for byte, bit in zip(end, mask, strict=True))
    for start in range(_LONGEST_NAME - len(text) + 1):
        offset = _QUESTION + start + len(text) - len(end)
        if offset > _LARGEST_OFFSET:
            return
        yield nftables.masked(nftables.TRANSPORT, offset, mask, value)


def _single_label(length: int) -> Rule:
    """Accept a query for a name that is a single label of this length."""
    return (
        *nftables.payload(nftables.TRANSPORT, _QUESTION, bytes([length])),
        *nftables.payload(nftables.TRANSPORT, _QUESTION + 1 + length, b"\0"),
        *_ACCEPT,
    )


def _query(protocol: bytes) -> Rule:
    return (*_ipv4(), *_protocol(protocol), *nftables.payload(nftables.TRANSPORT, 2, PORT))


def _ipv4() -> Rule:
    return nftables.meta(nftables.META_NFPROTO, _IPV4)


def _protocol(number: bytes) -> Rule:
    return nftables.meta(nftables.META_L4PROTO, number)


def _to(address: bytes) -> Rule:
    return nftables.payload(nftables.NETWORK, _DESTINATION, address)


def _own_resolver() -> Rule:
    not_docker_s = nftables.payload(nftables.NETWORK, _DESTINATION, DOCKERS_RESOLVER, equal=False)
    return (*_loopback(_DESTINATION), *not_docker_s)


def _loopback(offset: int) -> Rule:
    return nftables.masked(nftables.NETWORK, offset, b"\xff\0\0\0", b"\x7f\0\0\0")
