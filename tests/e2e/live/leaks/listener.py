"""Waits on a socket for a datagram from a peer in the tunnel; runs in a container.

    python3 -m tests.e2e.live.leaks.listener ADDRESS PORT [OWN]

OWN is the socket's own address; without it, it is the one by which the peer is reached. Prints the
socket's own address and port. After a line on its standard input, prints the datagrams that have
come.
"""

import socket
import sys

from tests.e2e.live.leaks.packets import family


def main(address: str, port: str, own: str = "") -> None:
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        if own:
            sock.bind((own, 0))
        sock.connect((address, int(port)))
        print(*sock.getsockname()[:2], flush=True)
        sys.stdin.readline()
        sock.setblocking(False)
        while True:
            try:
                print(sock.recv(1500).decode(), flush=True)
            except BlockingIOError:
                return
            except OSError:
                # The peer's tunnel has refused something.
                continue


main(*sys.argv[1:])
