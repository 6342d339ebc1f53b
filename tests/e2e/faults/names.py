"""The host's name server, which answers or doesn't."""

import socket
import struct
import threading
from types import TracebackType

from tests.e2e.commands import TIMEOUT
from tests.e2e.provider import ENDPOINT

NAME = "vpn.example.com"
NAMED_ENDPOINT = ENDPOINT.replace(ENDPOINT.partition(":")[0], NAME)
ADDRESS = socket.inet_aton(ENDPOINT.partition(":")[0])

HEADER = 12
QUERY_TYPE = slice(-4, -2)
IPV4, IPV6 = b"\0\1", b"\0\x1c"
ADDRESSES = {IPV4: ADDRESS, IPV6: socket.inet_pton(socket.AF_INET6, "2001:db8:100::2")}


class NameServer:
    """The server in the lab's /etc/resolv.conf, for as long as the ``with`` block lasts.

    It keeps silent until it is told to answer, whatever it is asked with the provider's address:
    that of IPv4, of IPv6, or both.
    """

    def __init__(self, *, ipv4: bool = True, ipv6: bool = False) -> None:
        self._types = [IPV4] * ipv4 + [IPV6] * ipv6
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve)
        self._asked = threading.Event()
        self._answers = threading.Event()

    def __enter__(self) -> "NameServer":
        self._socket.bind(("127.0.0.1", 53))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def wait_until_asked(self) -> None:
        assert self._asked.wait(TIMEOUT), "nobody asked for a name"

    def answer(self) -> None:
        """Answer from now on."""
        self._answers.set()

    def keep_silent(self) -> None:
        """Answer no more."""
        self._answers.clear()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self._asked.set()
            if self._answers.is_set():
                self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        question = query[HEADER : query.index(b"\0", HEADER) + 5]
        kind = question[QUERY_TYPE]
        record = _record(kind) if kind in self._types else b""
        counts = b"\0\1" + (b"\0\1" if record else b"\0\0") + b"\0\0\0\0"
        return query[:2] + b"\x81\x80" + counts + question + record


def _record(kind: bytes) -> bytes:
    # Its name is the question's; the type, class IN, kept for no time at all, the length.
    address = ADDRESSES[kind]
    return b"\xc0\x0c" + kind + b"\0\1\0\0\0\0" + struct.pack(">H", len(address)) + address
