"""Containers that publish ports, networks for them, and what the host has of it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.commands import CommandError, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, docker, network
from tests.e2e.engine import RequestError, remove, request
from tests.e2e.live.conftest import get
from tests.e2e.live.leaks.scene import PYTHON, python_mounts
from tests.e2e.modes import SHARED, Mode
from tests.e2e.routers import Router

CODE = "[WG123]"
"""That of a port which somebody else has."""

EVERYTHING = "0.0.0.0/0, ::/0"
SERVER = f"{PYTHON} -B -S /checkout/tests/e2e/live/ports/server.py"
PORTS = ("80", "81", "82")
FLUSH = (sys.executable, str(Path(__file__).with_name("flush.py")))
"""Has a network namespace forget its connections."""
# As they are named on the host (wgplugin/model/published.py).
LINKS = "wgpub"
TABLES = "wireguard-ports-"
ADDRESSES = ("169.254.192.", "fd77:6770:7562:")
OF_LINK = {4: "169.254.192.1", 6: "fd77:6770:7562::1"}
"""The host's own addresses on links."""


@dataclass(frozen=True)
class Tunnel:
    """A network, its configuration, and what peers see of its containers."""

    net: str
    configuration: str
    address: str
    shared: bool

    def inside(self, box: Container, *command: str) -> str:
        """Run a program of the host where a container's link ends: in it, or in the router."""
        return Router(self.net).run(*command) if self.shared else box.in_namespace(*command)

    def published(self) -> list[str]:
        """Return the published ports of its containers, as the status has them."""
        return sorted(port for each in self._statuses() for port in each["published"])

    def error(self) -> str:
        """Return what the status says is wrong with its containers."""
        return "; ".join(each["error"] for each in self._statuses())

    def _statuses(self) -> list[dict[str, Any]]:
        tunnels = json.loads(get("/status"))["tunnels"]
        own = [each for each in tunnels if each["configuration"] == self.configuration]
        return [each for one in own for each in one["containers"]] if self.shared else own


@contextmanager
def tunnel_network(
    mode: Mode,
    configurations: Configurations,
    name: str,
    number: int,
    *options: str,
    allowed_ips: str = EVERYTHING,
) -> Iterator[Tunnel]:
    """A network of both families; ``number`` is part of its addresses, and nobody else's."""
    addresses = (f"10.8.{number}.1", f"fd08:{number}::1")
    own = [f"{each}/{128 if ':' in each else 32}" for each in addresses]
    configurations.client(name, *own, allowed_ips=allowed_ips)
    kind = mode.options
    if mode is SHARED:
        subnets = (f"172.28.{number}.0/24", f"fd77:{number}::/64")
        kind += ("--ipv6", *(word for subnet in subnets for word in ("--subnet", subnet)))
    opt = [word for option in options for word in ("--opt", option)]
    with network(name, *kind, *opt) as net:
        yield Tunnel(net, name, addresses[0], mode is SHARED)


@contextmanager
def created(
    *nets: str, publish: tuple[str, ...] = (), options: tuple[str, ...] = ()
) -> Iterator[Container]:
    """A container with a server on `PORTS`, which isn't started yet."""
    name = f"container-{uuid4().hex[:8]}"
    ports = [word for port in publish for word in ("--publish", port)]
    create = ("create", "--name", name, "--network", nets[0], *python_mounts(), *ports, *options)
    try:
        command = f"PATH=/bin; exec {SERVER} {' '.join(PORTS)}"
        docker(*create, IMAGE, "/busybox", "sh", "-c", command)
        for net in nets[1:]:
            connect(net, name)
        yield Container(name)
    finally:
        remove(name)


@contextmanager
def serving(
    *nets: str, publish: tuple[str, ...] = (), options: tuple[str, ...] = ()
) -> Iterator[Container]:
    """A container whose server answers; see created()."""
    with created(*nets, publish=publish, options=options) as box:
        start(box)
        yield box


def start(box: Container) -> None:
    """Start a container, and wait until its server listens."""
    request("POST", f"/containers/{box.name}/start")
    listens(box)


def listens(box: Container, port: str = PORTS[-1]) -> None:
    """Wait until a container's server listens."""

    def is_ready() -> bool:
        # A container that is being restarted has no namespace for a moment.
        with suppress(CommandError):
            return f":{port} " in box.in_namespace("ss", "-lnt")
        return False

    wait_until(is_ready, "the server")


def refused_start(box: Container) -> str:
    """Start a container that Docker must refuse; return what it says."""
    with pytest.raises(RequestError) as refusal:
        request("POST", f"/containers/{box.name}/start")
    return str(refusal.value)


def restart(box: Container) -> None:
    """Restart a container, and wait until its server listens."""
    request("POST", f"/containers/{box.name}/restart?t=0")
    listens(box)


def connect(net: str, name: str) -> None:
    """Do what `docker network connect` does."""
    request("POST", f"/networks/{net}/connect", {"Container": name})


def disconnect(net: str, name: str) -> None:
    """Do what `docker network disconnect` does."""
    request("POST", f"/networks/{net}/disconnect", {"Container": name})


def flush_connections(tunnel: Tunnel, box: Container) -> None:
    """Have all that is between a client and a container forget their connections."""
    run(*FLUSH)
    tunnel.inside(box, *FLUSH)
    box.in_namespace(*FLUSH)


def remains() -> list[str]:
    """Return what the host has of published ports: links, tables, rules of others' and routes."""
    shown = [
        line
        for command in (
            ("ip", "-brief", "link"),
            ("nft", "list", "tables"),
            ("ip", "route", "show", "table", "all"),
            ("ip", "-6", "route", "show", "table", "all"),
            ("iptables-save", "-t", "filter"),
            *((("ip6tables-save", "-t", "filter"),) if Path("/proc/net/if_inet6").exists() else ()),
        )
        for line in run(*command).splitlines()
    ]
    return [line for line in shown if any(word in line for word in (LINKS, TABLES, *ADDRESSES))]
