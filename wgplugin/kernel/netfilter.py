"""A netfilter socket for nftables, in the network namespace of the thread that opens it."""

from __future__ import annotations

import errno
import struct

from wgplugin.kernel import nftables_messages
from wgplugin.kernel.attributes import unpack
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import Table

LACKING = (errno.EOPNOTSUPP, errno.ENOENT, errno.EAFNOSUPPORT)
"""The kernel's answers to a part of nftables that it doesn't have."""

_NETFILTER = 12
_GET_GENERATION, _GENERATION_ID = 0xA10, 1
_HEADER = struct.Struct(">BBH")
_SMALL = 200_000
"""A batch of so many bytes fits a socket as it is (net.core.wmem_default)."""


class NetfilterSocket:
    """Changes the nftables of one namespace.

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
