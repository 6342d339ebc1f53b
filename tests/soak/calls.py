"""Docker's calls to the plugin, on its socket and over one connection, as Docker makes them."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from tests.e2e.docker import PLUGIN, docker


class Connection(http.client.HTTPConnection):
    """A connection to the plugin under test."""

    def __init__(self) -> None:
        super().__init__("plugin.moby.localhost")
        plugin_id = docker("plugin", "inspect", "--format", "{{.Id}}", PLUGIN)
        self._path = Path("/run/docker/plugins", plugin_id, "wireguard.sock")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def call(self, name: str, **fields: Any) -> Any:
        """Make a call of Docker's network driver protocol, and return the answer."""
        self.request("POST", f"/NetworkDriver.{name}", json.dumps(fields).encode())
        response = self.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, f"{name}: {answer}"
        return answer
