"""A host without IPv6: the IPv4 half of a file works; what can't be is refused in one sentence."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.commands import refused, run, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, LIVE, Container, container, create_network, docker, network
from tests.e2e.faults.names import NAMED_ENDPOINT, NameServer
from tests.e2e.live.conftest import tunnel
from tests.e2e.provider import NAMESPACE, WEB_IPV4

IPV4, BOTH = "0.0.0.0/0", "0.0.0.0/0, ::/0"
HOST = "198.51.100.1"
WORLD = ("ip", "netns", "exec", NAMESPACE)


@pytest.fixture
def bridge() -> Iterator[str]:
    docker("network", "create", "--subnet", "100.64.7.0/24", "web")
    yield "web"
    docker("network", "rm", "web")


@pytest.mark.parametrize(
    ("addresses", "allowed_ips", "bypass"),
    [
        (("10.8.0.2/32",), IPV4, ()),
        (("10.8.0.2/32", "fd08::2/128"), BOTH, ("192.168.0.0/16", "fc00::/7")),
    ],
)
def test_ipv4_half_of_a_file_works_unedited(
    configurations: Configurations,
    addresses: tuple[str, ...],
    allowed_ips: str,
    bypass: tuple[str, ...],
) -> None:
    name = configurations.client("half", *addresses, allowed_ips=allowed_ips)
    option = ("--opt", f"wireguard-bypass={','.join(bypass)}") if bypass else ()
    with network(name, "--ipam-driver", "null", *option) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.2"
        assert box.run("ls", "/sys/class/net").split() == ["lo", "wg0"]
        expect_no_trouble(name)


def test_addresses_come_from_docker_or_an_option(configurations: Configurations) -> None:
    name = configurations.client("given", "fd08::2/128", assigned="10.8.7.2", allowed_ips=BOTH)
    subnet = ("--subnet", "10.8.7.0/24")
    with network(name, *subnet) as net, container(net, "--ip", "10.8.7.2") as box:
        assert box.fetch(WEB_IPV4) == "10.8.7.2"
        expect_no_trouble(name)


def test_published_port_beside_a_full_tunnel_answers(
    configurations: Configurations, bridge: str
) -> None:
    name = configurations.client("lan", "10.8.0.4/32", "fd08::4/128", allowed_ips=BOTH)
    bypass = ("--opt", "wireguard-bypass=198.51.100.0/24,100.64.7.0/24")
    serve = "echo hello >/index.html; exec /busybox httpd -f -h /"
    box = Container("web-without-ipv6")
    with network(name, "--ipam-driver", "null", *bypass) as net:
        try:
            published = ("--network", bridge, "--publish", "8080:80")
            docker("create", "--name", box.name, *published, IMAGE, "/busybox", "sh", "-c", serve)
            docker("network", "connect", net, box.name)
            docker("start", box.name)
            page = (*WORLD, "curl", "-sf", "-m", "10", f"http://{HOST}:8080/")
            wait_until(lambda: succeeds(*page), "the published page")
            assert run(*page) == "hello"
            assert box.fetch(WEB_IPV4) == "10.8.0.4"
        finally:
            docker("rm", "--force", box.name)


@pytest.mark.skipif(not LIVE, reason="only the live edition applies edits")
def test_edit_of_a_running_container_leaves_out_ipv6(configurations: Configurations) -> None:
    name = configurations.client("edit", "10.8.0.5/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.5"
        text = path.read_text().replace("10.8.0.5/32", "10.8.0.5/32, fd08::5/128")
        path.write_text(text.replace("203.0.113.0/24", BOTH))
        wait_until(lambda: "default" in box.routes(), "the edit")
        assert box.fetch(WEB_IPV4) == "10.8.0.5"
        expect_no_trouble(name)


@pytest.mark.parametrize(
    ("address", "endpoint", "said"),
    [
        ("fd08::6/128", "198.51.100.2:51820", "has only IPv6 addresses (fd08::6/128)"),
        ("10.8.0.6/32", "[2001:db8::5]:51820", "the endpoint 2001:db8::5 has no IPv4 address"),
    ],
)
def test_file_that_needs_ipv6_is_refused_when_its_network_is_created(
    configurations: Configurations, address: str, endpoint: str, said: str
) -> None:
    name = configurations.client("six", address, allowed_ips=BOTH, endpoint=endpoint)
    output = refused(*create_network(name, name))
    assert said in output
    assert output.strip().endswith("[WG412]")


@pytest.mark.skipif("LAB_SOURCE" not in os.environ, reason="its name server is the lab's")
def test_name_of_both_families_is_its_ipv4_address(configurations: Configurations) -> None:
    name = configurations.client("named", "10.8.0.8/32", allowed_ips=IPV4, endpoint=NAMED_ENDPOINT)
    with NameServer(ipv6=True) as server:
        server.answer()
        with network(name) as net, container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.8"


@pytest.mark.skipif("LAB_SOURCE" not in os.environ, reason="its name server is the lab's")
@pytest.mark.skipif(LIVE, reason="the live edition starts, and looks for the peer again")
def test_name_of_ipv6_alone_is_refused(configurations: Configurations) -> None:
    name = configurations.client(
        "named-six", "10.8.0.9/32", allowed_ips=IPV4, endpoint=NAMED_ENDPOINT
    )
    with NameServer(ipv4=False, ipv6=True) as server, network(name) as net:
        server.answer()
        output = refused("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
    assert "the endpoint vpn.example.com has no IPv4 address, and this host has no IPv6" in output


def expect_no_trouble(configuration: str) -> None:
    """Check that the live edition has nothing to report of a tunnel."""
    if LIVE:
        assert not tunnel(configuration)["error"]
