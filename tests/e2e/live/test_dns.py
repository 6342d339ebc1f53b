"""The file's DNS is asked through the tunnel, and Docker's own names still resolve."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker, network
from tests.e2e.leaks.conftest import host_resolver
from tests.e2e.provider import NAMESPACE, TUNNEL_IPV4, WEB_IPV4

SERVER = Path(__file__).with_name("dns_server.py")


@pytest.fixture
def asked(plugin: str, provider: object, tmp_path: Path) -> Iterator[Path]:
    """What the DNS server in the tunnel was asked."""
    file = tmp_path / "asked"
    server = (sys.executable, str(SERVER), TUNNEL_IPV4, WEB_IPV4, str(file))
    process = subprocess.Popen(["ip", "netns", "exec", NAMESPACE, *server])
    wait_until(file.exists, "the DNS server")
    yield file
    process.kill()
    process.wait()


@pytest.fixture(params=["127.0.0.1", "198.51.100.1"])
def resolver(request: pytest.FixtureRequest) -> Iterator[None]:
    """The host's own server, which nobody should ask: on the loopback, and not."""
    with host_resolver(request.param):
        yield


def with_dns(configurations: Configurations, name: str, address: str) -> str:
    configurations.client(name, f"{address}/32", allowed_ips="0.0.0.0/0, ::/0")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text().replace("[Peer]", f"DNS = {TUNNEL_IPV4}\n[Peer]", 1))
    return name


def resolves(box: Container, name: str, to: str) -> bool:
    return to in box.run("nslookup", "-type=a", name)


def test_file_s_dns_is_asked_without_dns_option(
    configurations: Configurations, resolver: None, asked: Path
) -> None:
    name = with_dns(configurations, "dns", "10.8.60.1")
    with network(name) as net, container(net) as box:
        assert resolves(box, "www.example.test", WEB_IPV4)
        assert asked.read_text() == "10.8.60.1 www.example.test\n"


def test_queries_to_other_servers_go_to_the_file_s(
    configurations: Configurations, asked: Path
) -> None:
    name = with_dns(configurations, "hard", "10.8.61.1")
    with network(name) as net, container(net, "--dns", "192.0.2.53") as box:
        assert WEB_IPV4 in box.run("nslookup", "-type=a", "direct.example.test", "192.0.2.54")
        assert resolves(box, "www.example.test", WEB_IPV4)
        assert asked.read_text().split()[1::2] == ["direct.example.test", "www.example.test"]


def test_containers_beside_are_found_by_name(
    configurations: Configurations, resolver: None, asked: Path
) -> None:
    name = with_dns(configurations, "beside", "10.8.62.1")
    docker("network", "create", "--subnet", "172.30.9.0/24", "beside")
    try:
        alias = ("--network-alias", "neighbour")
        with network(name) as net, container("beside", *alias), container(net) as box:
            docker("network", "connect", "beside", box.name)
            assert resolves(box, "neighbour", "172.30.9.2")
            assert resolves(box, "www.example.test", WEB_IPV4)
            assert "neighbour" not in asked.read_text()
    finally:
        docker("network", "rm", "beside")


def test_off_leaves_dns_to_docker(configurations: Configurations, asked: Path) -> None:
    name = with_dns(configurations, "off", "10.8.63.1")
    option = ("--ipam-driver", "null", "--opt", "wireguard-dns=off")
    with network(name, *option) as net, container(net, "--dns", "192.0.2.53") as box:
        assert not succeeds("docker", "exec", box.name, "/busybox", "nslookup", "a.example.test")
    assert asked.read_text() == ""
