"""Requests and answers, each in a connection of its own.

    requests.py --server --port PORT
    requests.py --client HOST --port PORT

The server goes on until it is killed. The client prints how many requests a second were answered.
"""

import argparse
import socket
import time

SECONDS = 2.0
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100


def serve(server: socket.socket) -> None:
    """Answer whoever connects, one after the other."""
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(len(REQUEST))
            connection.sendall(ANSWER)


def ask(host: str, port: int, seconds: float = SECONDS) -> float:
    """Return how many requests a second are answered."""
    answered, start = 0, time.monotonic()
    while (taken := time.monotonic() - start) < seconds:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.sendall(REQUEST)
            while connection.recv(len(ANSWER)):
                pass
        answered += 1
    return answered / taken


def main() -> None:
    """Serve, or ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--client", metavar="HOST")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    if arguments.server:
        serve(socket.create_server(("", arguments.port)))
    print(ask(arguments.client, arguments.port))


if __name__ == "__main__":
    main()
