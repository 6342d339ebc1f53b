"""Tells clients how it sees them, by each protocol; runs in a container.

    server.py PORT...

Whatever comes over TCP, UDP or SCTP is answered with a line: the client's address. UDP is answered
as most programs do it, from whatever address the kernel chooses.
"""

import contextlib
import selectors
import socket
import sys
from collections.abc import Iterator

KINDS = (
    (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
)


def servers(port: int) -> Iterator[socket.socket]:
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for kind, protocol in KINDS:
            # A kernel may have no IPv6, and no SCTP.
            with contextlib.suppress(OSError):
                server = socket.socket(family, kind, protocol)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.bind((anywhere, port))
                if kind == socket.SOCK_STREAM:
                    server.listen()
                yield server


def answer(ready: socket.socket, selector: selectors.DefaultSelector) -> None:
    if ready.type == socket.SOCK_DGRAM:
        _, client = ready.recvfrom(64)
        ready.sendto(f"{client[0]}\n".encode(), client)
    elif ready.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        selector.register(ready.accept()[0], selectors.EVENT_READ)
    elif ready.recv(64):
        ready.send(f"{ready.getpeername()[0]}\n".encode())
    else:
        raise ConnectionError


def main(*ports: str) -> None:
    selector = selectors.DefaultSelector()
    for port in ports:
        for server in servers(int(port)):
            selector.register(server, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            try:
                answer(ready, selector)
            except OSError:
                if ready.type == socket.SOCK_STREAM:
                    selector.unregister(ready)
                    ready.close()


main(*sys.argv[1:])
