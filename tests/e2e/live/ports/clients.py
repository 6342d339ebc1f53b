"""Clients of published ports: on the host, and outside it."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from tests.e2e.commands import run
from tests.e2e.leaks.capture import enter

NAMESPACE = "client"
DEVICE = "veth-client"
HOST, HOST_IPV6 = "192.168.78.1", "fd78::1"
"""The host's addresses, as clients outside know it."""
CLIENT, CLIENT_IPV6 = "192.168.78.2", "fd78::2"
FORWARDING = Path("/proc/sys/net/ipv6/conf/all/forwarding")
PATIENCE = 5.0
KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


@contextmanager
def another_host() -> Iterator[None]:
    """A host of both families beside this one, which forwards for containers as routers do."""
    forwarding = FORWARDING.read_text()
    run("ip", "netns", "add", NAMESPACE)
    run("ip", "link", "add", DEVICE, "type", "veth", "peer", "eth0", "netns", NAMESPACE)
    try:
        FORWARDING.write_text("1")
        for ip, device, *addresses in (
            (("ip",), DEVICE, f"{HOST}/24", f"{HOST_IPV6}/64"),
            (("ip", "-n", NAMESPACE), "eth0", f"{CLIENT}/24", f"{CLIENT_IPV6}/64"),
        ):
            for address in addresses:
                nodad = ("nodad",) if ":" in address else ()
                run(*ip, "address", "add", address, "dev", device, *nodad)
            run(*ip, "link", "set", device, "up")
        yield
    finally:
        FORWARDING.write_text(forwarding)
        # A namespace that is deleted takes its devices along some time later.
        run("ip", "link", "del", DEVICE)
        run("ip", "netns", "del", NAMESPACE)


def outside(*arguments: int) -> socket.socket:
    """Return a socket of the other host."""

    def make() -> socket.socket:
        enter(NAMESPACE)
        return socket.socket(*arguments)

    # The thread stays in the other namespace, and ends.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(make).result()


class Conversation:
    """What a client has begun with a server of server.py; ``abroad``: on the other host."""

    def __init__(
        self, address: str, port: int, protocol: str = "tcp", *, abroad: bool = False
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        make = outside if abroad else socket.socket
        self._socket = make(family, *KINDS[protocol])
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect((address, port))
        except BaseException:
            self.close()
            raise

    def ask(self) -> str:
        """Return the client's address, as the server sees it.

        Raises:
            OSError: there is no answer in time.
        """
        self._socket.send(b"who am I?\n")
        if not (said := self._socket.recv(64)):
            raise ConnectionError("the server has ended the conversation")
        return said.decode().strip()

    def own_port(self) -> int:
        """Return the client's port."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


def ask(address: str, port: int, protocol: str = "tcp", *, abroad: bool = False) -> str:
    """Return what a client's first question is answered with.

    Raises:
        OSError: nobody answers.
    """
    with closing(Conversation(address, port, protocol, abroad=abroad)) as conversation:
        return conversation.ask()


def answers(address: str, port: int, protocol: str = "tcp", *, abroad: bool = False) -> bool:
    """Tell whether a server answers there."""
    try:
        return bool(ask(address, port, protocol, abroad=abroad))
    except OSError:
        return False
