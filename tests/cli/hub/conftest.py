"""A host with a hub, and its commands as a person types them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import host, served
from tests.cli.scene import Scene
from wgplugin import program
from wgplugin.cli import arguments

__all__ = ["host", "served"]

ENDPOINT = "vpn.example.org"


@dataclass
class Terminal:
    """Where commands are typed; what they say is in ``out`` and ``err``."""

    folder: Path
    scene: Scene
    captured: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def type(self, *words: str) -> int:
        """Run a command with this folder; return its exit status."""
        parser, commands = program.parser()
        arguments.add(commands)
        given = parser.parse_args([*words, "--folder", str(self.folder)])
        self.captured.readouterr()
        status: int = given.run(given)
        self.out, self.err = self.captured.readouterr()
        return status

    def done(self, *words: str) -> str:
        """Run a command that must succeed; return what it prints."""
        assert self.type(*words) == 0, self.err
        return self.out

    def document(self, *words: str) -> Any:
        """Run a command that must succeed; return its JSON."""
        return json.loads(self.done(*words, "--json"))

    @property
    def text(self) -> str:
        """The hub's file."""
        return (self.folder / "office.conf").read_bytes().decode()


@pytest.fixture
def terminal(
    host: Scene, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """A folder without files, and Docker with a network for the hub "office"."""
    host.docker.listed = [
        network({"wireguard-config": "office"}, "172.30.5.0/24", "172.30.5.1"),
        network({"wireguard-config": "other"}, "172.30.6.0/24", "172.30.6.1"),
        network(None, "172.17.0.0/16", "172.17.0.1"),
        network({"wireguard-config": "office"}, "0.0.0.0/0"),
    ]
    return Terminal(tmp_path_factory.mktemp("folder"), host, capsys)


@pytest.fixture
def hub(terminal: Terminal) -> Terminal:
    """The hub "office"."""
    subnets = ("--subnet", "10.99.0.0/24", "--subnet", "fd99::/64")
    terminal.done("hub", "init", "office", "--endpoint", ENDPOINT, *subnets)
    return terminal


def network(options: dict[str, str] | None, subnet: str, gateway: str = "") -> dict[str, Any]:
    """Return a network as Docker lists it."""
    pool = {"Subnet": subnet, **({"Gateway": gateway} if gateway else {})}
    return {"Name": "n", "Id": "0" * 64, "Options": options, "IPAM": {"Config": [pool]}}


def plugin(source: str, *, enabled: bool = True, socket: str = "wireguard.sock") -> dict[str, Any]:
    """Return a plugin as Docker lists it."""
    mounts = [{"Name": "docker", "Source": "/run/docker"}, {"Name": "config", "Source": source}]
    return {
        "Enabled": enabled,
        "Config": {"Interface": {"Socket": socket, "Types": []}},
        "Settings": {"Mounts": mounts},
    }
