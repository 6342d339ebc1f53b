"""Published ports: what Docker asks for, what a container gets, and the link that they go by. Pure.

A link is a veth between the host and the namespace that answers: the container, or the router of a
shared network. Each container has addresses of its own on a link, by which the host reaches it.
Only answers leave by a link: its own routes are for connections that came in by it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Literal, cast

from wgplugin.model.prefixes import InterfaceAddress, IPAddress

Protocol = Literal["tcp", "udp", "sctp"]

PROTOCOLS: Mapping[Protocol, int] = {"tcp": 6, "udp": 17, "sctp": 132}
"""The protocols' numbers (IANA)."""

INSIDE = "wgpub0"
"""A link's name in its container or router."""

LINK_PREFIX = "wgpub"
LINK_NAME = re.compile(rf"{LINK_PREFIX}[0-9a-f]{{10}}")

GROUP = MARK = TABLE = 51821
"""The link group of both ends, the mark of connections that came in by a link, and the table of
the routes for their answers."""

PRIORITY, LAST = 5179, 51821
"""The priorities of the rules that lead answers to `TABLE`:

- PRIORITY: answers that are known as such, before namespace.PRIORITIES;
- LAST: what has no other route, after all others; of that, too, only answers leave.
"""

PRIORITIES = (PRIORITY, LAST)

HOST_ADDRESSES: tuple[InterfaceAddress, ...] = (
    ip_interface("169.254.192.1/32"),
    ip_interface("fd77:6770:7562::1/128"),
)
"""The host's addresses on every link, which are the next hops of answers."""

NUMBERS = range(2, 8192)
"""The numbers of containers on links: the last bits of their addresses."""

_TEXT = re.compile(r"(?:(?P<address>[^][/]+|\[[^][/]+\]):)?(?P<host>\d+):(?P<port>\d+)/(?P<of>\w+)")


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A port that Docker asks to publish: PortBinding of libnetwork/types/types.go.

    ``port`` is the container's. ``address`` is one of the host's, None for all. The host's port is
    one from ``first`` to ``last``, any if they are 0.
    """

    protocol: Protocol
    port: int
    address: IPAddress | None = None
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        if not self.first:
            ports = ""
        else:
            ports = f"{self.first}" + (f"-{self.last}" if self.last != self.first else "")
        host = _host(self.address)
        return f"{host}{ports}{':' if host or ports else ''}{self.port}/{self.protocol}"

    def may_take(self, port: PublishedPort) -> bool:
        """Return whether this asks for a port of the host that another container has."""
        return (
            self.protocol == port.protocol
            and self.first <= port.host_port <= self.last
            and _overlap(self.address, port.address)
        )

    def is_met_by(self, port: PublishedPort) -> bool:
        """Return whether this is what a container asked for that got a port."""
        return (self.protocol, self.port, self.address) == (
            port.protocol,
            port.port,
            port.address,
        ) and (not self.first or self.first <= port.host_port <= self.last)


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the host that leads to a container's ``port``; ``address`` is None for all."""

    protocol: Protocol
    host_port: int
    port: int
    address: IPAddress | None = None

    def __str__(self) -> str:
        return f"{_host(self.address)}{self.host_port}:{self.port}/{self.protocol}"

    @property
    def of_host(self) -> str:
        """The port of the host, as text."""
        return f"{_host(self.address)}{self.host_port}/{self.protocol}"

    def overlaps(self, other: PublishedPort) -> bool:
        """Return whether both take the same port of the host."""
        is_same = (self.protocol, self.host_port) == (other.protocol, other.host_port)
        return is_same and _overlap(self.address, other.address)


@dataclass(frozen=True, slots=True)
class Link:
    """A link's end in a container or router: its name on the host, and its addresses."""

    device: str
    addresses: tuple[InterfaceAddress, ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """A container's published ports on the host.

    ``device``: the link's name on the host. ``addresses``: the container's on the link, at most one
    of each family; a family without one isn't published.
    """

    device: str
    addresses: tuple[IPAddress, ...]
    ports: tuple[PublishedPort, ...]


def read(text: str) -> PublishedPort:
    """Return the port that str() has written.

    Raises:
        ValueError: it is no such text.
    """
    match = _TEXT.fullmatch(text)
    if not match or match["of"] not in PROTOCOLS:
        raise ValueError(text)
    address = ip_address(match["address"].strip("[]")) if match["address"] else None
    protocol = cast(Protocol, match["of"])
    return PublishedPort(protocol, int(match["host"]), int(match["port"]), address)


def link_name(identity: str) -> str:
    """Return a link's name on the host: 15 characters, Linux's limit.

    ``identity``: the id of the endpoint, or of the shared network.
    """
    return LINK_PREFIX + hashlib.sha256(identity.encode()).hexdigest()[:10]


def free_number(identity: str, taken: Collection[int]) -> int:
    """Return a number for a container on its link that nobody has; 0 if all are taken.

    It begins to look at one made of the endpoint's id, so that a number that got free isn't soon
    another's: clients of the one before may go on sending.
    """
    first = int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16)
    numbers = (NUMBERS[(first + step) % len(NUMBERS)] for step in range(len(NUMBERS)))
    return next((number for number in numbers if number not in taken), 0)


def link_addresses(number: int, families: Iterable[int]) -> tuple[InterfaceAddress, ...]:
    """Return a container's addresses on its link, of these families."""
    return tuple(
        ip_interface(_numbered(host.ip, number))
        for host in HOST_ADDRESSES
        if host.version in families
    )


def number_of(address: IPAddress) -> int:
    """Return the number whose address this is; 0 if it is none's."""
    for host in HOST_ADDRESSES:
        number = int(address) - int(host.ip) + 1
        if address.version == host.version and number in NUMBERS:
            return number
    return 0


def _numbered(first: IPv4Address | IPv6Address, number: int) -> str:
    return str(first + (number - 1))


def _overlap(one: IPAddress | None, other: IPAddress | None) -> bool:
    if one is None or other is None or one == other:
        return True
    return one.version == other.version and (one.is_unspecified or other.is_unspecified)


def _host(address: IPAddress | None) -> str:
    if address is None:
        return ""
    return f"[{address}]:" if address.version == 6 else f"{address}:"
