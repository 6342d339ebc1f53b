"""A container on several networks: which of them publishes its ports."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, docker
from tests.e2e.live.ports.clients import CLIENT, HOST, answers, ask
from tests.e2e.live.ports.serving import (
    CODE,
    Tunnel,
    connect,
    created,
    disconnect,
    refused_start,
    remains,
    restart,
    serving,
    tunnel_network,
)
from tests.e2e.modes import OWN, SHARED, Mode
from tests.e2e.provider import WEB_IPV4

BRIDGE = "ports-bridge"


@pytest.fixture(scope="module")
def bridge() -> Iterator[str]:
    docker("network", "create", BRIDGE)
    yield BRIDGE
    docker("network", "rm", BRIDGE)


@pytest.fixture(scope="module")
def tunnel(configurations: Configurations, mode: Mode) -> Iterator[Tunnel]:
    with tunnel_network(mode, configurations, "beside", 166) as tunnel:
        yield tunnel


def by_docker(box: Container, port: int) -> bool:
    """Tell whether a client outside is answered, by the port that Docker shows."""
    shown = box.inspect()["NetworkSettings"]["Ports"] or {}
    return ask(HOST, port, abroad=True) == CLIENT and bool(shown.get("80/tcp"))


@pytest.mark.parametrize("first", ["bridge", "tunnel"])
def test_bridge_s_own_port_wins_in_either_order(tunnel: Tunnel, bridge: str, first: str) -> None:
    nets = (bridge, tunnel.net) if first == "bridge" else (tunnel.net, bridge)
    with serving(*nets, publish=("8380:80",)) as box:
        assert by_docker(box, 8380)
        assert box.fetch(WEB_IPV4) == tunnel.address
        disconnect(bridge, box.name)
        # A network that comes after a bridge hasn't been asked for the ports.
        restart(box)
        assert ask(HOST, 8380, abroad=True) == CLIENT
        assert box.fetch(WEB_IPV4) == tunnel.address


def test_bridge_that_comes_to_a_running_container_takes_its_port(
    tunnel: Tunnel, bridge: str
) -> None:
    with serving(tunnel.net, publish=("8381:80",)) as box:
        assert ask(HOST, 8381, abroad=True) == CLIENT
        connect(bridge, box.name)
        assert by_docker(box, 8381)
        disconnect(bridge, box.name)
        wait_until(lambda: answers(HOST, 8381, abroad=True), "the tunnel's own")


def test_tunnel_that_comes_to_a_running_container_on_a_bridge_leaves_it_its_port(
    tunnel: Tunnel, bridge: str
) -> None:
    with serving(bridge, publish=("8382:80",)) as box:
        connect(tunnel.net, box.name)
        assert by_docker(box, 8382)
        assert box.fetch(WEB_IPV4) == tunnel.address


def test_network_that_publishes_nothing_leaves_it_to_the_other(
    configurations: Configurations, mode: Mode, bridge: str
) -> None:
    off = tunnel_network(mode, configurations, "off", 167, "wireguard-publish=off")
    with off as tunnel, serving(tunnel.net, publish=("8383:80",)) as box:
        assert not tunnel.published()
        assert not remains()
        with pytest.raises(ConnectionRefusedError):
            ask(HOST, 8383, abroad=True)
        connect(bridge, box.name)
        assert by_docker(box, 8383)


@pytest.fixture(scope="module")
def pair(configurations: Configurations) -> Iterator[tuple[Tunnel, Tunnel]]:
    """A tunnel of each mode, whose prefixes don't meet."""
    with (
        tunnel_network(OWN, configurations, "own", 168, allowed_ips="203.0.113.0/24") as own,
        tunnel_network(SHARED, configurations, "shared", 169, allowed_ips="10.9.0.0/16") as shared,
    ):
        yield own, shared


def test_one_of_two_tunnels_publishes(pair: tuple[Tunnel, Tunnel]) -> None:
    own, shared = pair
    with serving(own.net, shared.net, publish=("8384:80", "8384:80/udp")) as box:
        for _ in range(2):
            assert ask(HOST, 8384, abroad=True) == CLIENT
            assert ask(HOST, 8384, "udp", abroad=True) == CLIENT
            assert sorted(own.published() + shared.published()) == ["8384:80/tcp", "8384:80/udp"]
            assert box.fetch(WEB_IPV4) == own.address
            restart(box)


def test_tunnels_of_two_containers_don_t_share_a_port(pair: tuple[Tunnel, Tunnel]) -> None:
    """Whoever is second is refused, though it might be the first one's other network."""
    own, shared = pair
    with (
        serving(own.net, publish=("8385:80",)) as first,
        created(shared.net, publish=("8385:80",)) as second,
    ):
        said = refused_start(second)
        assert "8385/tcp" in said
        assert CODE in said
        assert ask(HOST, 8385, abroad=True) == CLIENT
        assert first.fetch(WEB_IPV4) == own.address
