"""A client of little overhead, with one kept-alive connection to a plugin's socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


class RefusedError(Exception):
    """Raised when a call fails, or the plugin closes the connection."""


def request(name: str, body: Any) -> bytes:
    """Return the bytes of a call in Docker's protocol."""
    content = json.dumps(body).encode()
    head = (
        f"POST /{name} HTTP/1.1\r\n"
        "Host: plugin.moby.localhost\r\n"
        "User-Agent: Go-http-client/1.1\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n"
    )
    return head.encode() + content


def get(path: str) -> bytes:
    """Return the bytes of a request for a page of the plugin's own."""
    return f"GET {path} HTTP/1.1\r\nHost: plugin\r\n\r\n".encode()


class Connection:
    """A connection to a plugin, kept from one call to the next as Docker keeps its own."""

    def __init__(self, path: Path) -> None:
        """Connect; raises OSError if nothing listens."""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def call(self, call: bytes) -> bytes:
        """Make a call from request() or get(); return the body of its answer.

        Raises:
            RefusedError: the call failed, or has no answer.
        """
        self.socket.sendall(call)
        return self.answer()

    def answer(self) -> bytes:
        """Return the body of the next answer; see call()."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r", 1)[0])
        while len(body) < length:
            body += self._receive()
        if b" 200 " not in head[:16]:
            raise RefusedError(body.decode())
        return body

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise RefusedError("the connection was closed")
        return data
