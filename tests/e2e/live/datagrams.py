"""Datagrams at an even pace, and how many of them come back.

    datagrams.py echo ADDRESS PORT
    datagrams.py send ADDRESS PORT

The first goes on until it is killed. The second sends a thousand a second until its standard input
ends, and prints how many were sent, refused by the kernel, and answered.
"""

import contextlib
import json
import select
import socket
import sys
import time

PAUSE = 0.001
BEHIND = 0.2
"""Seconds that a busy machine may be behind the pace, and makes up for."""
LAST = 2.0
"""Seconds to wait for the last answers."""


def echo(here: tuple[str, int]) -> None:
    # At "::" it answers IPv4, too.
    family = socket.AF_INET6 if ":" in here[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(here)
        while True:
            data, sender = server.recvfrom(64)
            server.sendto(data, sender)


def send(there: tuple[str, int]) -> None:
    sent = refused = answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.connect(there)
        client.setblocking(False)
        print("begun", flush=True)
        at = time.monotonic()
        while not select.select([sys.stdin], [], [], max(at - time.monotonic(), 0))[0]:
            # More isn't made up for: a burst could overflow a queue.
            at = max(at + PAUSE, time.monotonic() - BEHIND)
            sent += 1
            try:
                client.send(b"%d" % sent)
            except OSError:
                refused += 1
            answered += came(client)
        end = time.monotonic() + LAST
        while answered < sent and time.monotonic() < end:
            select.select([client], [], [], LAST)
            answered += came(client)
    print(json.dumps({"sent": sent, "refused": refused, "answered": answered}))


def came(client: socket.socket) -> int:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while client.recv(64):
            count += 1
    return count


{"echo": echo, "send": send}[sys.argv[1]]((sys.argv[2], int(sys.argv[3])))
