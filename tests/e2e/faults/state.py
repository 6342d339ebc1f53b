"""What the plugin has, to be compared with what Docker has."""

from dataclasses import dataclass

from tests.e2e.commands import run
from tests.e2e.docker import networks, state_folder
from tests.e2e.engine import ask
from tests.e2e.routers import pinned


@dataclass(frozen=True)
class State:
    """Networks and endpoints, by their ids; devices that the host has and no container.

    The links of published ports aren't among them: the host has one end of each all the time.
    ``routers`` are those of no network, by its id.
    """

    networks: frozenset[str]
    endpoints: frozenset[str]
    devices: frozenset[str] = frozenset()
    routers: frozenset[str] = frozenset()


def docker_has() -> State:
    """Return the networks of the plugin, and the endpoints of its running containers."""
    ids = networks()
    containers = [
        container
        for network in ids
        for container in ask(f"/networks/{network}")["Containers"].values()
    ]
    endpoints = (container["EndpointID"] for container in containers)
    return State(frozenset(ids), frozenset(endpoints))


def plugin_has() -> State:
    """Return what the plugin keeps on disk, and what it has left on the host."""
    networks, endpoints = (
        frozenset(path.name.removesuffix(".json") for path in (state_folder() / kind).iterdir())
        for kind in ("networks", "endpoints")
    )
    links = (line.split()[0] for line in run("ip", "-brief", "link").splitlines())
    devices = frozenset(
        name for name in links if name[:3] in ("wgp", "wgr") and not name.startswith("wgpub")
    )
    return State(networks, endpoints, devices, pinned() - networks)
