"""Who is answered at which port of the host, and as whom the container sees the client."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.commands import CommandError
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, docker, network
from tests.e2e.live.ports import serving
from tests.e2e.live.ports.clients import CLIENT, CLIENT_IPV6, HOST, HOST_IPV6, answers, ask
from tests.e2e.live.ports.serving import OF_LINK, Tunnel, tunnel_network
from tests.e2e.modes import Mode
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4

PUBLISH = (
    "8080:80",
    "8080:80/udp",
    "8080:80/sctp",
    "8081:80",
    "8090-8092:80-82",
    "8093-8099:80",
    "127.0.0.1:8082:80",
    f"{HOST}:8083:80",
    f"[{HOST_IPV6}]:8084:80",
    "0.0.0.0:8085:80",
    "[::]:8086:80",
    "81",
    "8087:99",
)
ELSEWHERE = "198.51.100.1"
"""Another address of the host."""


@dataclass(frozen=True)
class Served:
    """A container that publishes `PUBLISH`, on a full tunnel alone."""

    tunnel: Tunnel
    box: Container


@pytest.fixture(scope="module")
def served(configurations: Configurations, mode: Mode) -> Iterator[Served]:
    with (
        tunnel_network(mode, configurations, "served", 160) as tunnel,
        serving.serving(tunnel.net, publish=PUBLISH) as box,
    ):
        yield Served(tunnel, box)


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
@pytest.mark.parametrize(("host", "client"), [(HOST, CLIENT), (HOST_IPV6, CLIENT_IPV6)])
def test_client_outside_is_answered_and_known_by_its_address(
    served: Served, protocol: str, host: str, client: str
) -> None:
    assert ask(host, 8080, protocol, abroad=True) == client


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
@pytest.mark.parametrize("address", [HOST, ELSEWHERE, HOST_IPV6])
def test_host_is_answered_by_each_of_its_addresses(
    served: Served, protocol: str, address: str
) -> None:
    assert ask(address, 8080, protocol) == address


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_host_is_answered_on_its_loopback_and_seen_as_the_link_s_host(
    served: Served, protocol: str, address: str
) -> None:
    assert ask(address, 8080, protocol) == OF_LINK[6 if ":" in address else 4]


def test_port_has_several_mappings_and_ranges_have_as_many_ports(served: Served) -> None:
    for port in (8080, 8081, 8090, 8091, 8092, 8093):
        assert ask(HOST, port, abroad=True) == CLIENT
    assert not answers(HOST, 8094, abroad=True)


def test_port_of_one_address_of_the_host_is_answered_there_alone(served: Served) -> None:
    assert answers("127.0.0.1", 8082)
    assert not answers(HOST, 8082)
    assert not answers(HOST, 8082, abroad=True)
    assert answers(HOST, 8083, abroad=True)
    assert answers(HOST, 8083)
    assert not answers(ELSEWHERE, 8083)
    assert not answers("127.0.0.1", 8083)
    assert answers(HOST_IPV6, 8084, abroad=True)
    assert not answers(HOST, 8084, abroad=True)


def test_unspecified_address_stands_for_its_family(served: Served) -> None:
    assert answers(HOST, 8085, abroad=True)
    assert not answers(HOST_IPV6, 8085, abroad=True)
    assert answers(HOST_IPV6, 8086, abroad=True)
    assert not answers(HOST, 8086, abroad=True)


def test_port_without_a_number_has_a_free_one_that_the_status_shows(served: Served) -> None:
    chosen = [each for each in served.tunnel.published() if each.endswith(":81/tcp")]
    chosen.remove("8091:81/tcp")
    (port,) = (int(each.partition(":")[0]) for each in chosen)
    assert 32768 <= port < 61000
    assert ask(HOST, port, abroad=True) == CLIENT


def test_status_shows_what_is_published(served: Served) -> None:
    shown = served.tunnel.published()
    assert set(shown) >= {
        "8080:80/tcp",
        "8080:80/udp",
        "8080:80/sctp",
        "8092:82/tcp",
        "8093:80/tcp",
        "127.0.0.1:8082:80/tcp",
        f"[{HOST_IPV6}]:8084:80/tcp",
        "0.0.0.0:8085:80/tcp",
        "[::]:8086:80/tcp",
    }
    assert len(shown) == 15


def test_docker_shows_no_published_port(served: Served) -> None:
    """Docker takes ports for its lists from drivers of its own alone."""
    assert not any((served.box.inspect()["NetworkSettings"]["Ports"] or {}).values())
    assert docker("port", served.box.name) == ""
    listed = docker("ps", "--filter", f"name={served.box.name}", "--format", "{{.Ports}}")
    assert "8080" not in listed


def test_what_the_container_begins_itself_is_in_the_tunnel(served: Served) -> None:
    assert served.box.fetch(WEB_IPV4) == served.tunnel.address
    hosts = (HOST, CLIENT, f"[{HOST_IPV6}]", OF_LINK[4], f"[{OF_LINK[6]}]")
    each = " ".join(f"wget -q -T 2 -O - http://{host}:8080/ && echo {host} &" for host in hosts)
    assert served.box.run("sh", "-c", f"PATH=/bin; {each} wait") == ""


def test_closed_port_of_the_container_refuses_the_client(served: Served) -> None:
    with pytest.raises(ConnectionRefusedError):
        ask(HOST, 8087, abroad=True)


def test_container_of_a_split_tunnel_answers_any_client(
    configurations: Configurations, mode: Mode
) -> None:
    split = tunnel_network(mode, configurations, "split", 161, allowed_ips="10.8.0.0/16")
    with split as tunnel, serving.serving(tunnel.net, publish=("8180:80", "8180:80/udp")) as box:
        for protocol in ("tcp", "udp"):
            assert ask(HOST, 8180, protocol, abroad=True) == CLIENT
            assert ask(HOST_IPV6, 8180, protocol, abroad=True) == CLIENT_IPV6
            assert ask("127.0.0.1", 8180, protocol) == OF_LINK[4]
        assert box.run("ping", "-c", "1", "-W", "2", TUNNEL_IPV4)
        with pytest.raises(CommandError):
            box.run("ping", "-c", "1", "-W", "1", CLIENT)


def test_container_without_ipv6_is_reached_by_ipv6_clients(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client("only-ipv4", "10.8.162.1/32", allowed_ips="0.0.0.0/0")
    with (
        network(name, *mode.options) as net,
        serving.serving(net, publish=("8181:80",)) as box,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.162.1"
        assert ask(HOST, 8181, abroad=True) == CLIENT
        assert ask(HOST_IPV6, 8181, abroad=True) == CLIENT_IPV6
        assert ask("::1", 8181) == OF_LINK[6]


def test_port_leads_to_the_container_again_after_its_restart(served: Served) -> None:
    before = served.tunnel.published()
    serving.restart(served.box)
    assert ask(HOST, 8080, abroad=True) == CLIENT
    after = served.tunnel.published()
    # A port without a number may get another one.
    assert set(before) & set(after) >= {"8080:80/tcp", "8092:82/tcp"}
    assert len(after) == len(before)
