"""What tests ask again and again, and clear up with: HTTP on a socket, Docker's and the plugin's.

A test does what a user does by Docker's client. In the lab the client takes a fifth of a second to
start, which is most of the time of such a request.
"""

import json
import socket
import struct
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.e2e.commands import TIMEOUT, CommandError

DOCKER = Path("/run/docker.sock")
STDOUT, STDERR = 1, 2


class RequestError(AssertionError):
    """Raised when the answer to a request tells of a failure; holds its status."""

    def __init__(self, request: str, status: int, content: bytes) -> None:
        self.status = status
        super().__init__(f"{request}: {status} {content.decode()}")


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


def request(method: str, path: str, body: object = None, *, of: Path = DOCKER) -> bytes:
    """Return the body of the answer to a request at a socket; its own body is sent as JSON.

    Raises:
        RequestError: the status isn't one of success.
    """
    connection = _Connection(of)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise RequestError(f"{method} {path}", answer.status, content)
    return content


def ask(path: str) -> Any:
    """Return what Docker answers to a GET request."""
    return json.loads(request("GET", path))


def remove(container: str) -> None:
    """Do what `docker rm --force` does, for a container that may be gone."""
    try:
        request("DELETE", f"/containers/{container}?force=1")
    except RequestError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def execute(container: str, *command: str) -> str:
    """Do what `docker exec` does, and return its standard output.

    Raises:
        CommandError: the exit status isn't 0.
    """
    settings = {"Cmd": command, "AttachStdout": True, "AttachStderr": True}
    made = json.loads(request("POST", f"/containers/{container}/exec", settings))["Id"]
    said = {STDOUT: b"", STDERR: b""}
    for stream, content in _frames(request("POST", f"/exec/{made}/start", {"Detach": False})):
        said[stream] += content
    out, err = (said[stream].decode(errors="replace") for stream in (STDOUT, STDERR))
    if status := ask(f"/exec/{made}/json")["ExitCode"]:
        whole = ("docker", "exec", container, *command)
        raise CommandError(whole, CompletedProcess(whole, status, out, err))
    return out.strip()


def _frames(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield which stream each part is of, and the part (Docker's API, ContainerAttach)."""
    at = 0
    while at < len(content):
        stream, length = struct.unpack_from("!BxxxI", content, at)
        at += 8 + length
        yield stream, content[at - length : at]
