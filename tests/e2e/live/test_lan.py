"""A container on a bridge and a full tunnel: clients are answered, all else is in the tunnel."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import CommandError, run, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, docker, network
from tests.e2e.provider import WEB_IPV4
from tests.e2e.test_lan import BRIDGE_SUBNET, HOST, lan

__all__ = ["lan"]

LAN_CLIENT = "192.168.77.2"
SERVE = "echo hello >/index.html; exec /busybox httpd -f -h /"


@pytest.fixture(params=["a-web", "z-web"])
def bridge(request: pytest.FixtureRequest) -> Iterator[str]:
    docker("network", "create", "--subnet", BRIDGE_SUBNET, request.param)
    yield request.param
    docker("network", "rm", request.param)


@pytest.mark.parametrize("first", ["bridge", "tunnel"])
def test_clients_are_answered_by_the_bridge_and_all_else_is_in_the_tunnel(
    configurations: Configurations, lan: tuple[str, ...], bridge: str, first: str
) -> None:
    name = configurations.client("lan", "10.8.50.1/32", allowed_ips="0.0.0.0/0, ::/0")
    box = Container("web-behind-vpn")
    with network(name) as tunnel:
        order = (bridge, tunnel) if first == "bridge" else (tunnel, bridge)
        try:
            create = ("create", "--name", box.name, "--network", order[0], "--publish", "8080:80")
            docker(*create, IMAGE, "/busybox", "sh", "-c", SERVE)
            docker("network", "connect", order[1], box.name)
            docker("start", box.name)
            check(box, lan, "10.8.50.1")
        finally:
            docker("rm", "--force", box.name)


def test_bridge_may_come_to_a_running_tunnel(
    configurations: Configurations, lan: tuple[str, ...], bridge: str
) -> None:
    name = configurations.client("later", "10.8.51.1/32", allowed_ips="0.0.0.0/0, ::/0")
    box = Container("web-behind-vpn")
    with network(name) as tunnel:
        try:
            run_it = ("run", "--detach", "--name", box.name, "--network", tunnel)
            docker(*run_it, "--publish", "8080:80", IMAGE, "/busybox", "sh", "-c", SERVE)
            assert box.fetch(WEB_IPV4) == "10.8.51.1"
            docker("network", "connect", bridge, box.name)
            check(box, lan, "10.8.51.1")
        finally:
            docker("rm", "--force", box.name)


def test_own_connections_stay_in_the_tunnel_whatever_they_bind(
    configurations: Configurations, lan: tuple[str, ...], bridge: str
) -> None:
    name = configurations.client("bound", "10.8.52.1/32", allowed_ips="0.0.0.0/0, ::/0")
    box = Container("web-behind-vpn")
    with network(name) as tunnel:
        try:
            docker(
                "create", "--name", box.name, "--network", bridge, IMAGE, "/busybox", "sleep", "600"
            )
            docker("network", "connect", tunnel, box.name)
            docker("start", box.name)
            for outside in (WEB_IPV4, LAN_CLIENT):
                with pytest.raises(CommandError):
                    box.run("ping", "-c", "1", "-W", "2", "-I", "eth0", outside)
        finally:
            docker("rm", "--force", box.name)


def check(box: Container, lan: tuple[str, ...], source: str) -> None:
    """See that the LAN is answered and the world is reached by the tunnel."""
    page = (*lan, "curl", "-sf", "-m", "10", f"http://{HOST}:8080/")
    wait_until(lambda: succeeds(*page), "the published page")
    assert run(*page) == "hello"
    assert box.fetch(WEB_IPV4) == source
