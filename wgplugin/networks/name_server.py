"""Serves DNS on open sockets, by UDP and TCP, with bounds for whatever clients do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Collection, Mapping
from ipaddress import ip_address
from typing import Any, Protocol

from wgplugin.model.prefixes import IPAddress

log = logging.getLogger(__name__)

MOST_QUERIES = 64
"""The number of queries by UDP that are answered at a time; further ones are dropped."""

MOST_CONNECTIONS = 32
"""The number of TCP connections at a time; further ones are reset."""

SHARE = 4
"""One client has at most this part of them, the fourth, so that others are served."""

CONNECTION_SECONDS = 10.0
"""The time limit of a TCP connection."""

LONGEST = 1232
"""The bytes of a query, by UDP and TCP; a longer one gets no answer."""

_RESET, _NO_RESET = struct.pack("@ii", 1, 0), struct.pack("@ii", 0, 0)
"""Values of SO_LINGER (socket(7)): a closed connection is reset, or ended."""


class Answer(Protocol):
    """Answers a packet."""

    def __call__(
        self, packet: bytes, client: IPAddress, *, by_tcp: bool
    ) -> Awaitable[bytes | None]:
        """Return the answer to a packet from a client; None if it gets none."""


class NameServer:
    """Serves on sockets until close()."""

    def __init__(self, sockets: Collection[socket.socket], answer: Answer) -> None:
        """Serve on these sockets, which close() closes."""
        self._answer = answer
        self._sockets = sockets
        self._queries: dict[asyncio.Task[None], str] = {}
        self._connections: dict[asyncio.Task[None], str] = {}
        for each in sockets:
            each.setblocking(False)
            act = self._receive if each.type == socket.SOCK_DGRAM else self._accept
            asyncio.get_running_loop().add_reader(each, act, each)

    def close(self) -> None:
        """Stop at once: the sockets are closed when this returns."""
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        for task in (*self._queries, *self._connections):
            task.cancel()

    def _receive(self, server: socket.socket) -> None:
        try:
            packet, client = server.recvfrom(LONGEST + 1)
        except OSError:
            # Nothing is there, or a client that was answered is no longer there.
            return
        if len(packet) <= LONGEST and _has_room(self._queries, client[0], MOST_QUERIES):
            task = asyncio.create_task(self._reply(server, packet, client))
            self._queries[task] = client[0]
            task.add_done_callback(self._queries.pop)

    async def _reply(self, server: socket.socket, packet: bytes, client: Any) -> None:
        answer = await self._answered(packet, client[0], by_tcp=False)
        if answer:
            # It is lost like any packet, and the client asks again.
            with contextlib.suppress(OSError):
                server.sendto(answer, client)

    def _accept(self, server: socket.socket) -> None:
        try:
            connection, client = server.accept()
        except OSError:
            # It was reset before.
            return
        # One that is cut off must not linger, as it keeps its namespace.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if not _has_room(self._connections, client[0], MOST_CONNECTIONS):
            connection.close()
            return
        task = asyncio.create_task(self._connected(connection, client[0]))
        self._connections[task] = client[0]

        def end(task: asyncio.Task[None]) -> None:
            del self._connections[task]
            connection.close()

        task.add_done_callback(end)

    async def _connected(self, connection: socket.socket, client: str) -> None:
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                with contextlib.suppress(EOFError):
                    await self._converse(reader, writer, client)
                # The client has ended it, and gets what it hasn't read yet.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_RESET)
                writer.close()
                await writer.wait_closed()
        except OSError:
            # The client has reset it, or its time is over.
            pass
        finally:
            writer.transport.abort()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str
    ) -> None:
        """Answer query by query (RFC 7766), until there is one that gets no answer."""
        while (size := int.from_bytes(await reader.readexactly(2))) <= LONGEST:
            answer = await self._answered(await reader.readexactly(size), client, by_tcp=True)
            if answer is None:
                return
            writer.write(len(answer).to_bytes(2) + answer)
            await writer.drain()

    async def _answered(self, packet: bytes, client: str, *, by_tcp: bool) -> bytes | None:
        try:
            return await self._answer(packet, ip_address(client), by_tcp=by_tcp)
        except Exception:
            log.exception("a query for a name can't be answered")
            return None


def _has_room(tasks: Mapping[asyncio.Task[None], str], client: str, most: int) -> bool:
    """Return whether a client may have another task, given those that are under way."""
    return len(tasks) < most and list(tasks.values()).count(client) < most // SHARE
