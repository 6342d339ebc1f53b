"""A port that somebody else has is refused with its number, and is to be had once it is free."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.live.ports.clients import CLIENT, HOST, answers, ask
from tests.e2e.live.ports.serving import (
    CODE,
    Tunnel,
    created,
    disconnect,
    refused_start,
    serving,
    start,
    tunnel_network,
)
from tests.e2e.modes import OWN, SHARED


@pytest.fixture(scope="module")
def tunnel(configurations: Configurations) -> Iterator[Tunnel]:
    with tunnel_network(OWN, configurations, "taken", 164) as tunnel:
        yield tunnel


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", 2)])
def test_port_of_a_program_on_the_host_is_refused(tunnel: Tunnel, protocol: str, kind: int) -> None:
    with created(tunnel.net, publish=(f"8280:80/{protocol}",)) as box:
        with closing(socket.socket(socket.AF_INET, kind)) as program:
            program.bind(("0.0.0.0", 8280))
            if protocol == "tcp":
                program.listen()
            said = refused_start(box)
            assert f"8280:80/{protocol}" in said
            assert CODE in said
            assert plugin_has() == docker_has()
        start(box)
        assert ask(HOST, 8280, protocol, abroad=True) == CLIENT


def test_port_of_a_program_on_another_address_is_free(tunnel: Tunnel) -> None:
    with closing(socket.create_server(("127.0.0.1", 8281))):
        with created(tunnel.net, publish=("8281:80",)) as box:
            assert CODE in refused_start(box)
        with serving(tunnel.net, publish=(f"{HOST}:8281:80",)):
            assert ask(HOST, 8281, abroad=True) == CLIENT


def test_range_passes_over_the_port_of_a_program(tunnel: Tunnel) -> None:
    with (
        closing(socket.create_server(("0.0.0.0", 8283))),
        serving(tunnel.net, publish=("8283-8284:80",)),
    ):
        assert tunnel.published() == ["8284:80/tcp"]
        assert ask(HOST, 8284, abroad=True) == CLIENT


def test_port_of_another_container_is_refused_whichever_networks_they_are_on(
    configurations: Configurations, tunnel: Tunnel
) -> None:
    with (
        tunnel_network(SHARED, configurations, "shared-taken", 165) as shared,
        serving(shared.net, publish=("8285:80",)) as first,
        created(tunnel.net, publish=("8285:80",)) as other,
        created(shared.net, publish=("8285:80",)) as fellow,
    ):
        for second in (other, fellow):
            said = refused_start(second)
            assert "8285/tcp" in said
            assert CODE in said
        assert answers(HOST, 8285, abroad=True)
        disconnect(shared.net, first.name)
        start(fellow)
        assert ask(HOST, 8285, abroad=True) == CLIENT


def test_port_of_a_container_on_a_bridge_is_refused(tunnel: Tunnel) -> None:
    with created(tunnel.net, publish=("8286:80",)) as box:
        with serving("bridge", publish=("8286:80",)):
            said = refused_start(box)
            assert "8286:80/tcp" in said
            assert CODE in said
            assert answers(HOST, 8286, abroad=True)
        start(box)
        assert ask(HOST, 8286, abroad=True) == CLIENT


def test_docker_gives_a_bridge_the_port_that_a_tunnel_s_container_has(tunnel: Tunnel) -> None:
    """Docker doesn't know of the port, and its own rule comes first."""
    with serving(tunnel.net, publish=("8287:80",)):
        assert ask(HOST, 8287, abroad=True) == CLIENT
        with serving("bridge", publish=("8287:80",)):
            # A container on a bridge sees the host's loopback as the bridge.
            wait_until(lambda: ask("127.0.0.1", 8287).startswith("172.17."), "Docker's own")
        wait_until(lambda: answers(HOST, 8287, abroad=True), "the tunnel's own")
