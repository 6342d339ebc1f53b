"""The routers of shared networks, as the host sees them."""

import re
from pathlib import Path

from tests.e2e.commands import run
from tests.e2e.docker import docker

PINS = Path("/run/docker/wgplugin")
PIN = re.compile(r"(?:\.[0-9a-f-]+\.)?([0-9a-f]{64})")
"""A pin's name, the network's id; and that of the file that tells whose it is."""


def pinned() -> frozenset[str]:
    """Return the ids of the networks that have a router, or the remains of one."""
    found = (PIN.fullmatch(path.name) for path in PINS.glob("*"))
    return frozenset(match[1] for match in found if match)


class Router:
    """The router of a network, once it has one: a namespace that the host can enter."""

    def __init__(self, net: str) -> None:
        self.network_id = docker("network", "inspect", "--format", "{{.Id}}", net)
        self.pin = PINS / self.network_id

    def run(self, *command: str) -> str:
        """Run a program of the host in the router, as root; see commands.run()."""
        return run("nsenter", f"--net={self.pin}", *command)

    def identity(self) -> int:
        """Return the number of the namespace, which no other one has."""
        return self.pin.stat().st_ino

    def links(self) -> list[str]:
        """Return the names of its links, without those of the other ends of veths."""
        lines = self.run("ip", "-oneline", "link").splitlines()
        return [line.split(": ")[1].partition("@")[0] for line in lines]

    def ports(self) -> set[str]:
        """Return the names of the bridge's ports."""
        lines = self.run("ip", "-oneline", "link", "show", "master", "br0").splitlines()
        return {line.split(": ")[1].partition("@")[0] for line in lines}

    def mtu(self, device: str) -> int:
        """Return a link's MTU in bytes."""
        found = re.search(r" mtu (\d+) ", self.run("ip", "link", "show", device))
        assert found
        return int(found[1])
