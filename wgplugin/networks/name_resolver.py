"""Answers the DNS queries of a hub's peers: containers' names, and others by other servers.

Containers' names are asked of Docker's resolver, in a container of the network. It knows the names
of all networks of that container; peers get none but this network's. Docker passes names of one
label that it doesn't know on to its own servers, which may take long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from dnslib import RCODE

from wgplugin.errors import BackendError
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.networks import names, upstream
from wgplugin.networks.names import Query

SECONDS = 1.0
"""The time that Docker has to answer. It knows its own names at once."""

MOST_ASKED = 4
"""The number of containers that are asked for a name, if some can't be asked or have another."""


class Member(Protocol):
    """A container on the network."""

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        """Ask Docker's resolver there; see `Container`."""


class NameResolver:
    """Answers queries. ``subnets`` are the network's, ``upstreams`` the servers of other names."""

    def __init__(self, hub: str, members: Iterable[Member]) -> None:
        """Answer for the containers ``members`` of the network whose configuration is ``hub``."""
        self._hub = hub
        self._members = members
        self.subnets: tuple[Prefix, ...] = ()
        self.upstreams: tuple[IPAddress, ...] = ()

    async def answer(self, packet: bytes, client: IPAddress, *, by_tcp: bool) -> bytes | None:
        """Return the answer to a packet from a client; None if it gets none."""
        query = names.read(packet)
        if query is None:
            return None
        answer = await self._answer(query, client, by_tcp=by_tcp)
        return answer if by_tcp else query.fitted(answer)

    async def _answer(self, query: Query, client: IPAddress, *, by_tcp: bool) -> bytes:
        if query.trouble is not None:
            return query.answered(query.trouble)
        if client.is_link_local or self._has(client):
            # Containers have Docker's resolver, and must not get at the servers by this one.
            return query.answered(RCODE.REFUSED)
        name = query.container(self._hub)
        if name is not None:
            return await self._container(query, name)
        if query.is_hub(self._hub):
            return query.answered(RCODE.NOERROR)
        if not self.upstreams:
            return query.answered(RCODE.REFUSED)
        answer = await upstream.forward(query, self.upstreams, by_tcp=by_tcp)
        return answer or query.answered(RCODE.SERVFAIL)

    async def _container(self, query: Query, name: bytes) -> bytes:
        """Return the answer to a query for a container's name.

        A name is known if it has an address of this network, of any family: then there is an answer
        to every type, if an empty one. Of other networks' names, not even that is told.
        """
        found = await self._addresses(name)
        if found is None:
            return query.answered(RCODE.SERVFAIL)
        if not found and not query.is_hub(self._hub):
            return query.answered(RCODE.NXDOMAIN)
        family = names.ADDRESSES.get(query.kind)
        return query.answered(RCODE.NOERROR, (each for each in found if each.version == family))

    async def _addresses(self, name: bytes) -> list[IPAddress] | None:
        """Return a name's addresses in this network; None if no container can be asked."""
        queries = [names.docker_query(name, kind) for kind in names.ADDRESSES]
        has_failed = False
        for member in islice(self._members, MOST_ASKED):
            answers = await asyncio.gather(*(_ask(member, query) for query in queries))
            if None in answers:
                has_failed = True
                continue
            pairs = zip(queries, answers, strict=True)
            found = [each for pair in pairs for each in names.addresses(*pair)]
            here = [each for each in found if self._has(each)]
            if here or not found:
                return here
            # Another network of that container has the name, too, and comes first there.
        return None if has_failed else []

    def _has(self, address: IPAddress) -> bool:
        return any(address in subnet for subnet in self.subnets)


async def _ask(member: Member, query: bytes) -> bytes | None:
    try:
        return await member.ask_names(query, SECONDS)
    except BackendError:
        return None
