"""A client for Docker's protocol on a unix socket, and a plugin behind one."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from wgplugin.docker.http import create_app
from wgplugin.plugin import Plugin

Answer = tuple[int, dict[str, Any]]


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("plugin.moby.localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Client:
    """Sends calls as Docker does: no content type, no body for calls without arguments."""

    path: Path

    def call(self, name: str, body: Any = None) -> Answer:
        return self.send(name, None if body is None else json.dumps(body).encode())

    def send(self, name: str, body: bytes | None) -> Answer:
        connection = UnixConnection(self.path)
        try:
            accept = {"Accept": "application/vnd.docker.plugins.v1.2+json"}
            connection.request("POST", f"/{name}", body, accept)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@contextmanager
def serving(plugin: Plugin | Starlette, path: Path) -> Iterator[Client]:
    """Serve a plugin, or an application, on a unix socket in a thread while the block lasts."""
    app = (
        create_app(plugin.driver, plugin.upkeep.status, plugin.insides, plugin.timings)
        if isinstance(plugin, Plugin)
        else plugin
    )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Client(path)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
