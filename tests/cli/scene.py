"""What the commands talk to, on real sockets: a plugin, and Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.serving import serving
from wgplugin.docker.driver import Driver
from wgplugin.docker.http import create_app
from wgplugin.errors import PluginError
from wgplugin.networks.insides import Insides
from wgplugin.networks.status import ContainerStatus, Status, TunnelStatus

APP, WEB, OTHER, VPN, SHARED = ("a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32, "e5" * 32)
"""Ids: of three endpoints, and of a network of either mode."""

PLUGIN, DOCKER = "wireguard.sock", "docker.sock"

ROUTER = TunnelStatus(
    "", SHARED, "vpn-s", "up", containers=(ContainerStatus(WEB, "ns"), ContainerStatus(OTHER, "ns"))
)


@dataclass
class FakePlugin:
    """Answers the calls of commands, and keeps those to switch.

    ``healths``: what the next waits for a tunnel return, the last one again and again; an error is
    raised. ``later``: tunnels that are there from the second status on.
    """

    tunnels: list[TunnelStatus] = field(default_factory=list)
    later: list[TunnelStatus] = field(default_factory=list)
    healths: dict[str, list[str | PluginError]] = field(default_factory=dict)
    refusal: PluginError | None = None
    switched: list[tuple[str, str]] = field(default_factory=list)
    waited: list[tuple[str, float]] = field(default_factory=list)

    async def report(self) -> Status:
        there = Status("live", tuple(self.tunnels))
        self.tunnels += self.later
        self.later = []
        return there

    async def switch(self, endpoint_id: str, configuration: str) -> str:
        if self.refusal:
            raise self.refusal
        self.switched.append((endpoint_id, configuration))
        return configuration or "vpn-next"

    async def wait(self, endpoint_id: str, patience: float) -> str:
        self.waited.append((endpoint_id, patience))
        answers = self.healths[endpoint_id]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, PluginError):
            raise answer
        return answer

    @contextmanager
    def at(self, path: Path) -> Iterator[None]:
        """Serve on a socket while the block lasts."""
        driver = Driver(cast(Any, None))
        with serving(create_app(driver, self.report, cast(Insides, self)), path):
            yield


@dataclass
class FakeDocker:
    """Knows networks by name, and containers' endpoints; answers as Docker's API, in short.

    A container's endpoint is empty while the container is stopped.
    """

    networks: dict[str, str] = field(default_factory=dict)
    containers: dict[str, dict[str, str]] = field(default_factory=dict)
    failure: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)
    """All networks, as Docker lists them."""
    plugins: list[dict[str, Any]] = field(default_factory=list)
    """All plugins, likewise."""

    async def list_all(self, request: Request) -> Response:
        if self.failure:
            return _json({"message": "it fails"}, self.failure)
        return _json(self.listed if request.url.path == "/networks" else self.plugins)

    async def answer(self, request: Request) -> Response:
        kind, name = request.url.path.split("/")[1], request.path_params["name"]
        if self.failure:
            return _json({"message": "it fails"}, self.failure)
        if name not in (self.networks if kind == "networks" else self.containers):
            return _json({"message": f"{kind} {name} not found"}, 404)
        if kind == "networks":
            return _json({"Name": name, "Id": self.networks[name], "Driver": "wireguard:live"})
        attached = {
            network: {"IPAMConfig": None, "NetworkID": "f6" * 32, "EndpointID": endpoint}
            for network, endpoint in self.containers[name].items()
        }
        return _json({"Id": "0" * 64, "NetworkSettings": {"Ports": {}, "Networks": attached}})

    @contextmanager
    def at(self, path: Path) -> Iterator[None]:
        """Serve on a socket while the block lasts."""
        paths = ("/networks/{name}", "/containers/{name}/json")
        lists = [Route(path, self.list_all) for path in ("/networks", "/plugins")]
        routes = [*lists, *(Route(path, self.answer) for path in paths)]
        with serving(Starlette(routes=routes), path):
            yield


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content) + "\n", status, media_type="application/json")


@dataclass(frozen=True)
class Scene:
    """A host with Docker and one plugin."""

    plugin: FakePlugin = field(default_factory=FakePlugin)
    docker: FakeDocker = field(default_factory=FakeDocker)

    @contextmanager
    def at(self, folder: Path) -> Iterator[None]:
        """Serve both in a folder while the block lasts."""
        with self.plugin.at(folder / PLUGIN), self.docker.at(folder / DOCKER):
            yield

    def forget(self) -> None:
        """Be as anew."""
        vars(self.plugin).update(vars(FakePlugin()))
        vars(self.docker).update(vars(FakeDocker()))


def tunnel(endpoint: str, name: str, network: str = VPN) -> TunnelStatus:
    """Return the status of a container's own tunnel."""
    return TunnelStatus(endpoint, network, name, "up")
