"""A hub, and clients that dial into it with the files that it gave them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.docker import Container, docker
from tests.e2e.live.pace import pace
from tests.e2e.live.shared.conftest import endpoint
from tests.e2e.routers import Router

HOST = "192.0.2.77"
PORT = "51877"
ENDPOINT = f"{HOST}:{PORT}"
ONE_PAGE = (
    "mkdir /www; echo hello >/www/index.html; httpd -h /www -p 81; exec httpd -f -h /www -p 80"
)
"""A container's command: a page at the ports 80 and 81."""

# Asks for an answer within two seconds; of either family.
ASK = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
asking = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(2)
asking.connect((host, port))
asking.send(b"question")
sys.exit(asking.recv(64) != b"question")
"""

# wg-quick asks this for a client's DNS; ip-netns has a resolv.conf for each client.
RESOLVCONF = """#!/bin/sh
[ "$1" = -d ] || cat >/etc/resolv.conf
"""


@contextmanager
def reachable_host() -> Iterator[None]:
    """The host has an address that all clients know, for as long as the block lasts."""
    run("ip", "address", "add", f"{HOST}/32", "dev", "lo")
    try:
        yield
    finally:
        run("ip", "address", "del", f"{HOST}/32", "dev", "lo")


@dataclass(frozen=True)
class Hub:
    """A hub by its file's name; once it has a network, with that and its containers."""

    name: str
    folder: Path
    net: str = ""
    containers: tuple[Container, ...] = ()

    subnets = (
        *("--subnet", "10.99.0.0/24", "--subnet", "fd99::/64"),
        *("--listen-port", PORT),
    )

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / f"{self.name}.conf"

    @property
    def router(self) -> Router:
        return Router(self.net)

    def with_containers(self, net: str, *containers: Container) -> "Hub":
        return replace(self, net=net, containers=containers)

    def run(self, *command: str) -> str:
        """Run one of the project's commands."""
        return docker("wireguard", *command)

    def peer(self, action: str, *arguments: str) -> str:
        """Run a command about the hub's peers."""
        return self.run("peer", action, *arguments, "--hub", self.name)

    def qr_code(self, name: str) -> str:
        """Add a peer; return the QR code, as it is shown beside the file."""
        command = ("docker", "wireguard", "peer", "add", name, "--hub", self.name, "--qr")
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr

    def listed(self) -> dict[str, Any]:
        """Return what is told of each peer, by its name."""
        found = json.loads(self.peer("list", "--json"))
        return {peer["name"]: peer for peer in found["peers"]}

    def address(self, box: Container, version: int = 4) -> str:
        """Return a container's address."""
        name = {4: "IPAddress", 6: "GlobalIPv6Address"}[version]
        return endpoint(box, self.net)[name]

    def peers(self) -> set[str]:
        """Return the public keys of the peers that the router has."""
        return set(self.router.run("wg", "show", "wg0", "peers").split())


class Client:
    """A machine far away that has dialled in with a file, for as long as the block lasts."""

    def __init__(self, name: str, file: str, number: int = 1) -> None:
        """Be a client with a name and a number of its own among those that are there at a time."""
        self.name, self.file = name, file
        self._link, self._net = f"veth-{name}", f"198.51.{110 + number}"
        self._etc = Path("/etc/netns") / name

    def __enter__(self) -> "Client":
        name, link = self.name, self._link
        run("ip", "netns", "add", name)
        run("ip", "link", "add", link, "type", "veth", "peer", "eth0", "netns", name)
        run("ip", "address", "add", f"{self._net}.1/24", "dev", link)
        run("ip", "link", "set", link, "up")
        run("ip", "-n", name, "address", "add", f"{self._net}.2/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", name, "route", "add", "default", "via", f"{self._net}.1")
        self._etc.mkdir(parents=True)
        (self._etc / "resolv.conf").touch()
        self._dial()
        return self

    def __exit__(self, *_: object) -> None:
        run("ip", "netns", "del", self.name)
        (self._etc / "resolv.conf").unlink()
        self._etc.rmdir()

    def _dial(self) -> None:
        with TemporaryDirectory() as folder:
            file, tool = Path(folder, "wg0.conf"), Path(folder, "resolvconf")
            file.write_text(self.file + "\n")
            tool.write_text(RESOLVCONF)
            tool.chmod(0o755)
            path = f"PATH={folder}:{os.environ['PATH']}"
            self.run("env", path, "wg-quick", "up", str(file))

    def run(self, *command: str) -> str:
        """Run a program of the host on the client."""
        return run(*self.command(*command))

    def command(self, *command: str) -> tuple[str, ...]:
        """Return the command that runs a program of the host on the client."""
        return ("ip", "netns", "exec", self.name, *command)

    def fetch(self, place: str) -> str:
        """Fetch a page, given its host, and its port if it isn't 80."""
        curl = ("curl", "-sSf", "--connect-timeout", "10", "--max-time", "15")
        return self.run(*curl, f"http://{place}/")

    def opens(self, place: str) -> bool:
        """Tell whether a page can be had within two seconds."""
        return succeeds(*self.command("curl", "-sf", "--max-time", "2", f"http://{place}/"))

    def reaches(self, address: str) -> bool:
        """Tell whether an address answers to pings within two seconds."""
        return succeeds(*self.command("ping", "-c", "1", "-W", "2", address))

    def is_answered(self, address: str, port: str) -> bool:
        """Tell whether a datagram is answered within two seconds."""
        return succeeds(*self.command(sys.executable, "-c", ASK, address, port))


def page(address: str, port: str = "80") -> str:
    """Return where a page is, for a client's fetch() and opens()."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def inside(box: Container) -> tuple[str, ...]:
    """Return the beginning of a command that runs in a container's network namespace."""
    return ("nsenter", "--net", "--target", str(box.pid()))


def datagrams(hub: Hub, client: Client) -> AbstractContextManager[dict[str, int]]:
    """A client's datagrams to the first container; see pace()."""
    web = hub.containers[0]
    return pace(inside(web), client.command(), (hub.address(web), "9001"))


def seconds_until(happened: Any, since: float) -> float:
    """Wait until something has happened; return how long it took since a moment (time.time())."""
    wait_until(happened, "it")
    return time.time() - since
