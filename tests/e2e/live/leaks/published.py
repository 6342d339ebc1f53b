"""Containers with published ports that do their worst, and what clients do to them."""

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.e2e.commands import run
from tests.e2e.leaks.capture import Address
from tests.e2e.live.leaks.packets import family, is_ipv6, tcp, udp
from tests.e2e.live.leaks.scene import WORST, Box, Scene, Tunnel
from tests.e2e.live.ports import serving
from tests.e2e.live.ports.clients import (
    CLIENT,
    CLIENT_IPV6,
    HOST,
    HOST_IPV6,
    ask,
    outside,
)
from tests.e2e.live.ports.serving import OF_LINK, SERVER

PORT = 8680
PUBLISH = ("--publish", f"{PORT}:80", "--publish", f"{PORT}:80/udp")
# Nobody's, as far as the sender knows; what it sends there is no answer to any client.
ANOTHER_PORT = 40002
SYN = 0x02
DNS = 53
CLIENTS = {4: (HOST, CLIENT), 6: (HOST_IPV6, CLIENT_IPV6)}
"""The host as a client knows it, and the client, by version."""
WORST_OF_A_SERVER = f"{SERVER} 80 & {WORST} {' '.join((*OF_LINK.values(), CLIENT, CLIENT_IPV6))}"


@dataclass(frozen=True)
class Published:
    """A container on a tunnel alone, with a published port; ``since``: see Cast."""

    tunnel: Tunnel
    box: Box
    since: int

    def answers_clients(self) -> None:
        """See that clients outside are answered, by each protocol and in both families."""
        for host, client in CLIENTS.values():
            for protocol in ("tcp", "udp"):
                assert ask(host, PORT, protocol, abroad=True) == client

    def forgets_connections(self) -> None:
        """Have the host, the container and its router forget all connections."""
        run(*serving.FLUSH)
        self.box.in_namespace(*serving.FLUSH)
        if self.tunnel.subnets:
            self.tunnel.router(*serving.FLUSH)

    def pretends(self, client: str, port: int, *, opening: bool = False) -> frozenset[Address]:
        """Have the container send to a client as if that had asked; see answerer.py.

        Returns where it was seen to go in clear.
        """
        start = self.box.outside.mark()
        how = ("opening",) if opening else ()
        self.box.program("answerer", self.box.marker, client, str(port), *how)
        return self.box.seen(start).reached

    def goes_on(self) -> Counter[str]:
        """Wait for more of its worst; return what has leaked since its first instruction.

        Answers are known by what clients have asked ever since: the kernel repeats some.
        """
        return self.box.goes_on(self.since)


@contextmanager
def published(scene: Scene, name: str, number: int) -> Iterator[Published]:
    """The container, for as long as the block lasts."""
    addresses = (f"10.8.{number}.1/32", f"fd08:{number}::1/128")
    with scene.tunnel(name, *addresses) as tunnel:
        since = scene.outside.mark()
        with scene.box(tunnel, options=PUBLISH, command=WORST_OF_A_SERVER) as box:
            serving.listens(box, "80")
            yield Published(tunnel, box, since)


def spoof(sources: tuple[str, ...]) -> None:
    """Send to the published port from addresses that aren't the client's own."""
    for source in sources:
        ends = (source, ANOTHER_PORT, CLIENTS[6 if is_ipv6(source) else 4][0], PORT)
        packets = (udp(*ends, b"spoofed"), tcp(*ends, SYN, b""))
        with closing(outside(family(source), socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
            for packet in packets:
                raw.sendto(packet, (ends[2], 0))


def ask_from(host: str, port: int) -> str:
    """Ask over UDP from a port of the client's; return the answer."""
    with closing(outside(family(host), socket.SOCK_DGRAM, 0)) as sock:
        sock.settimeout(5)
        sock.bind(("::" if is_ipv6(host) else "0.0.0.0", port))
        sock.sendto(b"who am I?\n", (host, PORT))
        return sock.recv(64).decode().strip()
