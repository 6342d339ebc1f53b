"""What the plugin has, to be compared with what Docker has."""

import json
from dataclasses import dataclass

from tests.e2e.commands import run
from tests.e2e.docker import PLUGIN, docker, state_folder


@dataclass(frozen=True)
class State:
    """Networks and endpoints, by their ids; devices that the host has and no container."""

    networks: frozenset[str]
    endpoints: frozenset[str]
    devices: frozenset[str] = frozenset()


def docker_has() -> State:
    """Return the networks of the plugin, and the endpoints of its running containers."""
    driver = f"driver={PLUGIN}"
    ids = docker("network", "ls", "--no-trunc", "--quiet", "--filter", driver).split()
    containers = [
        container
        for network in (json.loads(docker("network", "inspect", *ids)) if ids else [])
        for container in network["Containers"].values()
    ]
    endpoints = (container["EndpointID"] for container in containers)
    return State(frozenset(ids), frozenset(endpoints))


def plugin_has() -> State:
    """Return what the plugin keeps on disk, and its devices in the host's network."""
    networks, endpoints = (
        frozenset(path.name.removesuffix(".json") for path in (state_folder() / kind).iterdir())
        for kind in ("networks", "endpoints")
    )
    links = (line.split()[0] for line in run("ip", "-brief", "link").splitlines())
    return State(networks, endpoints, frozenset(name for name in links if name[:3] == "wgp"))
