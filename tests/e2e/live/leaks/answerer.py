"""Sends to a client of a published port as if that had asked; runs in a container.

    python3 -m tests.e2e.live.leaks.answerer MARKER CLIENT PORT OPENING

From port 80 of each address of the container's, over UDP and TCP, with the mark of answers and
without it. With OPENING the segments of TCP begin a connection, else they are of one that is open.
"""

import contextlib
import itertools
import socket
import sys
from typing import Any

from tests.e2e.leaks.prober import own_addresses
from tests.e2e.live.leaks.packets import family, tcp, udp
from tests.e2e.live.leaks.sender import BIND, LINKS, others

OWN_PORT = 80
SYN, ACKNOWLEDGED_DATA = 0x02, 0x18


def main(marker: str, client: str, port: str, opening: str = "") -> None:
    flags = SYN if opening else ACKNOWLEDGED_DATA
    options: list[tuple[Any, ...]] = [(), LINKS]
    options += [(*BIND, device.encode()) for device in others()]
    sources = [own for own in own_addresses() if family(own) == family(client)]
    for own, option in itertools.product(sources, options):
        ends = (own, OWN_PORT, client, int(port))
        for packet in (udp(*ends, marker.encode()), tcp(*ends, flags, marker.encode())):
            with (
                contextlib.suppress(OSError),
                socket.socket(family(client), socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
            ):
                if option:
                    raw.setsockopt(*option)
                raw.sendto(packet, (client, 0))


main(*sys.argv[1:])
