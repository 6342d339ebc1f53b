"""Asks the DNS servers that a hub's file names, from the host's namespace."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from dnslib import RCODE

from wgplugin.model.prefixes import IPAddress
from wgplugin.networks import names
from wgplugin.networks.names import Query

PORT = 53

SECONDS = 2.0
"""The time that a server has to answer, until the next one is asked."""

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_LONGEST = 65535
_FAILURES = (RCODE.SERVFAIL, RCODE.REFUSED)
"""Answers by which another server may still know better."""


async def forward(query: Query, servers: Iterable[IPAddress], *, by_tcp: bool) -> bytes | None:
    """Return the answer of the first server that has one; None if none answers.

    The client's own query is passed on, so that its answer has whatever it asks for. An answer that
    is too long for UDP says so, and the client asks again by TCP.
    """
    failure = None
    for server in servers:
        packet = names.forwarded(query)
        try:
            async with asyncio.timeout(SECONDS):
                answer = await (_by_tcp if by_tcp else _by_udp)(packet, server)
        except (OSError, EOFError):
            continue
        handed_on = names.handed_on(query, answer)
        if names.rcode(answer) not in _FAILURES:
            return handed_on
        failure = failure or handed_on
    return failure


async def _by_udp(packet: bytes, server: IPAddress) -> bytes:
    """Ask by a socket of its own, whose port nobody can guess; pass over what isn't the answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(_FAMILIES[server.version], socket.SOCK_DGRAM) as connection:
        connection.setblocking(False)
        connection.connect((str(server), PORT))
        await loop.sock_sendall(connection, packet)
        while not names.is_answer(answer := await loop.sock_recv(connection, _LONGEST), packet):
            pass
    return answer


async def _by_tcp(packet: bytes, server: IPAddress) -> bytes:
    reader, writer = await asyncio.open_connection(str(server), PORT)
    try:
        writer.write(len(packet).to_bytes(2) + packet)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    finally:
        writer.transport.abort()
    if not names.is_answer(answer, packet):
        raise ConnectionError("this isn't the answer")
    return answer
