"""A published port beside a full tunnel: the LAN is answered, and all else goes through it."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, docker, network
from tests.e2e.provider import WEB_IPV4

NAMESPACE = "lan"
LAN = "192.168.77.0/24"
HOST = "192.168.77.1"
BRIDGE_SUBNET = "172.30.7.0/24"


@pytest.fixture
def lan() -> Iterator[tuple[str, ...]]:
    """A host on the LAN; what is run with these words before it runs there."""
    run("ip", "netns", "add", NAMESPACE)
    run("ip", "link", "add", "veth-lan", "type", "veth", "peer", "eth0", "netns", NAMESPACE)
    run("ip", "address", "add", f"{HOST}/24", "dev", "veth-lan")
    run("ip", "link", "set", "veth-lan", "up")
    run("ip", "-n", NAMESPACE, "address", "add", "192.168.77.2/24", "dev", "eth0")
    run("ip", "-n", NAMESPACE, "link", "set", "eth0", "up")
    yield ("ip", "netns", "exec", NAMESPACE)
    # A namespace that is deleted takes its devices along some time later.
    run("ip", "link", "del", "veth-lan")
    run("ip", "netns", "del", NAMESPACE)


@pytest.fixture
def bridge() -> Iterator[str]:
    docker("network", "create", "--subnet", BRIDGE_SUBNET, "web")
    yield "web"
    docker("network", "rm", "web")


def test_published_port_is_reached_from_the_lan_and_the_world_by_the_tunnel(
    configurations: Configurations, lan: tuple[str, ...], bridge: str
) -> None:
    name = configurations.client("lan", "10.8.0.20/32", allowed_ips="0.0.0.0/0, ::/0")
    bypass = ("--opt", f"wireguard-bypass={LAN},{BRIDGE_SUBNET}")
    serve = "echo hello >/index.html; exec /busybox httpd -f -h /"
    box = Container("web-behind-vpn")
    with network(name, "--ipam-driver", "null", *bypass) as tunnel:
        try:
            published = ("--network", bridge, "--publish", "8080:80")
            docker("create", "--name", box.name, *published, IMAGE, "/busybox", "sh", "-c", serve)
            docker("network", "connect", tunnel, box.name)
            docker("start", box.name)
            page = (*lan, "curl", "-sf", "-m", "10", f"http://{HOST}:8080/")
            wait_until(lambda: succeeds(*page), "the published page")
            assert run(*page) == "hello"
            assert box.fetch(WEB_IPV4) == "10.8.0.20"
        finally:
            docker("rm", "--force", box.name)
