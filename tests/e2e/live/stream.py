"""A server that sends numbers, one a line, to whoever connects, and tells whether none was lost.

    stream.py ADDRESS PORT

The client's answers are ignored; the server goes on until it is killed.
"""

import itertools
import socket
import sys
import time

PAUSE = 0.02


def main(address: str, port: str) -> None:
    with socket.create_server((address, int(port))) as server:
        while True:
            connection, _ = server.accept()
            try:
                for number in itertools.count():
                    connection.sendall(b"%d\n" % number)
                    time.sleep(PAUSE)
            except OSError:
                connection.close()


main(*sys.argv[1:])
