"""Networks connected and disconnected while the container does its worst."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import succeeds
from tests.e2e.conftest import Configurations
from tests.e2e.docker import docker, network
from tests.e2e.leaks.boundary import PROBES
from tests.e2e.leaks.probing import Bridge, Suspect, Suspects

ALLOWED_IPS = {"ipv4": "0.0.0.0/0", "dual": "0.0.0.0/0, ::/0"}
ADDRESSES = {"ipv4": ("10.8.40.1/32",), "dual": ("10.8.40.2/32", "fd08:40::2/128")}
BRIDGES = ("a-bridge-ipv4", "z-bridge-ipv4", "a-bridge-dual", "z-bridge-dual", "a-bridge-high")


def test_nothing_leaves_by_the_bridge_once_a_tunnel_is_connected(
    suspects: Suspects, configurations: Configurations, bridges: dict[str, Bridge]
) -> None:
    name = configurations.client("late", "10.8.40.3/32", allowed_ips="0.0.0.0/0")
    bridge = bridges["a-bridge-dual"]
    with network(name) as net, suspects.on(bridge.name) as suspect:
        assert suspect.leaks(net, bridge)
        docker("network", "connect", net, suspect.container.name)
        suspect.reaches([probe for probe in PROBES if probe.version == 4])
        start = suspects.outside.mark()
        assert not suspect.leaks(net, bridge, since=start)


@pytest.fixture(scope="module", params=["ipv4", "dual"])
def tunnel(request: pytest.FixtureRequest, configurations: Configurations) -> Iterator[str]:
    kind = request.param
    name = configurations.client(kind, *ADDRESSES[kind], allowed_ips=ALLOWED_IPS[kind])
    with network(name) as net:
        yield net


@pytest.fixture(scope="module")
def suspect(suspects: Suspects, tunnel: str) -> Iterator[Suspect]:
    with suspects.on(tunnel) as suspect:
        yield suspect


@pytest.mark.parametrize("name", BRIDGES)
def test_nothing_leaves_by_a_bridge_that_comes_and_goes(
    suspects: Suspects, tunnel: str, suspect: Suspect, bridges: dict[str, Bridge], name: str
) -> None:
    start = suspects.outside.mark()
    # Docker may refuse, and leave something half done.
    connected = succeeds("docker", "network", "connect", name, suspect.container.name)
    assert not suspect.leaks(tunnel, bridges[name], since=start)
    if connected:
        docker("network", "disconnect", name, suspect.container.name)
        assert not suspect.leaks(tunnel, bridges[name], since=start)
