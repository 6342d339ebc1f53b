"""A netfilter socket for nftables and connections, in the namespace of the thread that opens it."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

from wgplugin.kernel import connections, nftables_lists, nftables_messages
from wgplugin.kernel.attributes import unpack
from wgplugin.kernel.connections import Connection
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.nftables_lists import FoundChain, FoundRule

LACKING = (errno.EOPNOTSUPP, errno.ENOENT, errno.EAFNOSUPPORT)
"""The kernel's answers to a part of nftables that it doesn't have."""

_NETFILTER = 12
_GET_GENERATION, _GENERATION_ID = 0xA10, 1
_HEADER = struct.Struct(">BBH")
_SMALL = 200_000
"""A batch of so many bytes fits a socket as it is (net.core.wmem_default)."""


class NetfilterSocket:
    """Changes and lists the nftables of one namespace, and its connections.

    ``commits``: the number of changes made. Every method raises OSError if the kernel refuses.
    """

    __slots__ = ("_room", "_socket", "commits")

    def __init__(self) -> None:
        self._socket = NetlinkSocket(_NETFILTER)
        self._room = _SMALL
        self.commits = 0

    def close(self) -> None:
        """Close the socket; until then it keeps its namespace alive."""
        self._socket.close()

    def generation(self) -> int:
        """Return the number of changes that anybody has made to the namespace's nftables."""
        answer = self._socket.ask(_GET_GENERATION, _HEADER.pack(0, 0, 0))
        return int.from_bytes(dict(unpack(answer[_HEADER.size :]))[_GENERATION_ID])

    def chains(self) -> list[FoundChain]:
        """Return all chains of all tables."""
        return list(nftables_lists.chains(self._socket.dump(*nftables_lists.list_chains())))

    def rules(self, family: int, table: str, chain: str = "") -> list[FoundRule]:
        """Return the rules of a chain in order, of all chains of the table without one."""
        request = nftables_lists.list_rules(family, table, chain)
        return list(nftables_lists.rules(self._socket.dump(*request)))

    def connections(self, version: int) -> list[Connection]:
        """Return all connections of UDP, of an IP version."""
        return list(connections.connections(self._socket.dump(*connections.list_udp(version))))

    def forget(self, found: Sequence[Connection]) -> None:
        """Forget connections: the next packet is the first of another one."""
        for error in self._socket.batch([connections.deletion(each) for each in found]).values():
            if error.errno != errno.ENOENT:
                raise error

    def install(self, table: Table) -> None:
        """Create a table, in place of one of that name if there is one."""
        try:
            self.send(nftables_messages.create_table(table))
        except FileExistsError:
            self.send(nftables_messages.replace_table(table))

    def delete(self, name: str, family: int) -> None:
        """Delete a table, if there is one."""
        try:
            self.send(nftables_messages.delete_table(name, family))
        except OSError as error:
            if error.errno not in LACKING:
                raise

    def send(self, messages: list[bytes]) -> None:
        """Send a batch of nftables messages, which is one change or none."""
        batch = b"".join(messages)
        if len(batch) > self._room:
            self._room = 2 * len(batch)
            self._socket.reserve(self._room)
        self._socket.transact(batch)
        self.commits += 1
