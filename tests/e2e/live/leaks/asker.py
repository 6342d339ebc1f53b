"""Asks Docker's resolver for names past its port 53; runs in a container.

    python3 -m tests.e2e.live.leaks.asker MARKER

Each name has MARKER as a label, and is asked in one of these ways: at the ports where the resolver
really listens, over UDP and TCP; at port 53; and there by a socket that asked for a name of one
label before.
"""

import contextlib
import re
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.live.leaks.packets import query

RESOLVER = "127.0.0.11"
LISTENS = re.compile(r": 0B00007F:([0-9A-F]{4}) 00000000:0000 ")
PATIENCE = 1.0


def real_ports(protocol: str) -> Iterator[int]:
    found = LISTENS.findall(Path("/proc/net", protocol).read_text())
    return (int(port, 16) for port in found)


def by_udp(port: int, *names: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        for name in names:
            with contextlib.suppress(OSError):
                sock.sendto(query(name), (RESOLVER, port))
                sock.recv(1500)


def by_tcp(port: int, name: str) -> None:
    message = query(name)
    with (
        contextlib.suppress(OSError),
        socket.create_connection((RESOLVER, port), PATIENCE) as sock,
    ):
        sock.sendall(struct.pack("!H", len(message)) + message)
        sock.recv(1500)


def main(marker: str) -> None:
    ports = {protocol: sorted(real_ports(protocol)) for protocol in ("udp", "tcp")}
    assert all(ports.values()), f"Docker's resolver isn't seen to listen: {ports}"
    for port in ports["udp"]:
        by_udp(port, f"udp.{marker}.example")
    for port in ports["tcp"]:
        by_tcp(port, f"tcp.{marker}.example")
    by_udp(53, f"53.{marker}.example")
    by_tcp(53, f"tcp53.{marker}.example")
    by_udp(53, "neighbour", f"second.{marker}.example")
    # For the resolver to forward them.
    time.sleep(PATIENCE)


main(*sys.argv[1:])
