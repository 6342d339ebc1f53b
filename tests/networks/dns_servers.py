"""Small DNS servers on the loopback, by UDP and TCP, and clients for whatever serves DNS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSRecord

SECONDS = 10.0

Reply = Callable[[DNSRecord], bytes | None]


@dataclass
class Server:
    """What a server has answered: the names that it was asked for by UDP, and by TCP."""

    address: str
    by_udp: list[str] = field(default_factory=list)
    by_tcp: list[str] = field(default_factory=list)


def records(**addresses: str) -> Reply:
    """Answer as Docker does: these names have these addresses, separated by spaces.

    Of a family that a name lacks, there is an empty answer; an unknown name has none.
    """

    def reply(query: DNSRecord) -> bytes:
        answer = query.reply()
        name = str(query.q.qname).rstrip(".").lower()
        if name not in addresses:
            answer.header.rcode = RCODE.NXDOMAIN
        for address in addresses.get(name, "").split():
            kind = QTYPE.AAAA if ":" in address else QTYPE.A
            if kind == query.q.qtype:
                data = AAAA(address) if ":" in address else A(address)
                answer.add_answer(RR(query.q.qname, kind, ttl=600, rdata=data))
        return bytes(answer.pack())

    return reply


@contextlib.asynccontextmanager
async def serving(address: str, port: int, reply: Reply) -> AsyncIterator[Server]:
    """Serve at an address; nothing is sent where ``reply`` returns None."""
    server, loop = Server(address), asyncio.get_running_loop()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
            query = DNSRecord.parse(data)
            server.by_udp.append(str(query.q.qname))
            if answer := reply(query):
                self.transport.sendto(answer, client)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        query = DNSRecord.parse(await reader.readexactly(size))
        server.by_tcp.append(str(query.q.qname))
        if answer := reply(query):
            writer.write(len(answer).to_bytes(2) + answer)
            await writer.drain()
        writer.close()

    transport, _ = await loop.create_datagram_endpoint(Datagrams, (address, port))
    connections = await asyncio.start_server(connected, address, port)
    try:
        yield server
    finally:
        transport.close()
        connections.close()


def free_port() -> int:
    """Return a port that nobody uses on the loopback."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextlib.contextmanager
def datagrams(to: tuple[str, int], source: str = "") -> Iterator[socket.socket]:
    """A socket for queries by UDP; ``source``: the address that they come from."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        if source:
            client.bind((source, 0))
        client.connect(to)
        yield client


async def received(client: socket.socket, seconds: float = SECONDS) -> bytes:
    """Return the next answer by UDP, which comes within so many seconds."""
    async with asyncio.timeout(seconds):
        return await asyncio.get_running_loop().sock_recv(client, 65535)


async def asked(to: tuple[str, int], query: DNSRecord, source: str = "") -> DNSRecord:
    """Ask by UDP."""
    with datagrams(to, source) as client:
        client.send(query.pack())
        return DNSRecord.parse(await received(client))


@contextlib.asynccontextmanager
async def connection(
    to: tuple[str, int], source: str = ""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection for queries by TCP."""
    reader, writer = await asyncio.open_connection(*to, local_addr=(source, 0) if source else None)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def asked_by_tcp(to: tuple[str, int], *queries: DNSRecord, source: str = "") -> DNSRecord:
    """Ask by TCP, all in one connection; return the last answer."""
    async with connection(to, source) as (reader, writer), asyncio.timeout(SECONDS):
        for query in queries:
            packet = query.pack()
            writer.write(len(packet).to_bytes(2) + packet)
            answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    return DNSRecord.parse(answer)
