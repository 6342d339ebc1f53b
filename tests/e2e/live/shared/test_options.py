"""What options make of a shared network, and of a container on it."""

import re
import sys
from contextlib import ExitStack
from functools import partial

from tests.e2e.commands import CommandError, refused, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker
from tests.e2e.live.conftest import tunnel
from tests.e2e.live.pace import answering
from tests.e2e.live.shared.conftest import (
    EVERYTHING,
    at_the_peer,
    endpoint,
    reaches,
    shared,
    start_on,
    subnets,
)
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4, WEB_IPV6
from tests.e2e.routers import Router

SERVE = "echo hello >/index.html; exec /busybox httpd -f -h / -p 443"
ASK = """import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(10)
    client.connect((sys.argv[1], int(sys.argv[2])))
    client.send(b"hello")
    print(client.recv(64).decode())
"""


def option(text: str) -> tuple[str, str]:
    """Return a network's option."""
    return ("--opt", text)


def test_isolated_containers_have_the_tunnel_but_not_each_other(
    configurations: Configurations,
) -> None:
    name = configurations.client("isolated", "10.8.101.1", "fd08:101::1", allowed_ips=EVERYTHING)
    ipam = subnets("172.28.101.0/24", "fd77:101::/64")
    isolate = option("wireguard-isolate=on")
    with shared(name, *isolate, *ipam) as net, container(net) as box, container(net) as other:
        there = endpoint(other, net)
        assert box.fetch(WEB_IPV4) == other.fetch(WEB_IPV4) == "10.8.101.1"
        assert not reaches(box, there["IPAddress"])
        assert not reaches(box, there["GlobalIPv6Address"])
        # Nor by the router, which the frame is sent to in the place of the other container.
        mac = re.findall(r"link/ether (\S+)", Router(net).run("ip", "link", "show", "br0"))[0]
        neighbour = ("ip", "neigh", "replace", there["IPAddress"], "lladdr", mac, "dev", "eth0")
        box.in_namespace(*neighbour)
        assert not reaches(box, there["IPAddress"])


def test_containers_of_an_internal_network_meet_and_have_no_tunnel(
    configurations: Configurations,
) -> None:
    name = configurations.client("internal", "10.8.102.1", allowed_ips=EVERYTHING)
    ipam = ("--internal", "--subnet", "172.28.102.0/24")
    with shared(name, *ipam) as net, container(net) as box, container(net) as other:
        assert reaches(box, other.name)
        for there in (WEB_IPV4, TUNNEL_IPV4):
            assert not reaches(box, there)
        assert [peer["sent_bytes"] for peer in tunnel(name)["peers"]] == [0]


def test_addresses_mac_and_alias_are_those_that_the_user_chooses(
    configurations: Configurations,
) -> None:
    name = configurations.client("chosen", "10.8.103.1", "fd08:103::1", allowed_ips=EVERYTHING)
    ipam = subnets("172.28.103.0/24", "fd77:103::/64")
    ip = ("--ip", "172.28.103.77", "--ip6", "fd77:103::77")
    rest = ("--mac-address", "02:11:22:33:44:55", "--network-alias", "web")
    with shared(name, *ipam) as net, container(net, *ip, *rest) as box, container(net) as other:
        found = endpoint(box, net)
        assert found["IPAddress"] == "172.28.103.77"
        assert found["GlobalIPv6Address"] == "fd77:103::77"
        assert found["MacAddress"] == "02:11:22:33:44:55"
        shown = box.run("ip", "address", "show", "eth0")
        for expected in ("172.28.103.77/24", "fd77:103::77/64", "02:11:22:33:44:55"):
            assert f" {expected} " in shown
        assert reaches(other, "web")
        assert box.fetch(WEB_IPV4) == "10.8.103.1"
        assert box.fetch(f"[{WEB_IPV6}]") == "fd08:103::1"


def test_containers_of_several_subnets_meet_and_share_the_tunnel(
    configurations: Configurations,
) -> None:
    name = configurations.client("several", "10.8.104.1", allowed_ips=EVERYTHING)
    ipam = subnets("172.28.104.0/24", "172.29.104.0/24")
    with (
        shared(name, *ipam) as net,
        container(net, "--ip", "172.28.104.9") as box,
        container(net, "--ip", "172.29.104.9") as other,
    ):
        assert reaches(box, "172.29.104.9")
        assert reaches(other, "172.28.104.9")
        assert box.fetch(WEB_IPV4) == other.fetch(WEB_IPV4) == "10.8.104.1"


def test_ipv6_is_closed_where_the_network_has_no_subnet_for_it(
    configurations: Configurations,
) -> None:
    name = configurations.client("ipv4-alone", "10.8.105.1", allowed_ips="0.0.0.0/0")
    with shared(name) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.105.1"
        output = refused("docker", "exec", box.name, "/busybox", "ping", "-c", "1", WEB_IPV6)
        assert "100% packet loss" in output or "unreachable" in output
        assert "dev eth1" in box.in_namespace("ip", "-6", "route", "get", WEB_IPV6)


def test_running_container_is_connected_and_disconnected(configurations: Configurations) -> None:
    name = configurations.client("later", "10.8.106.1", allowed_ips="203.0.113.0/24")
    with shared(name) as net, container(net) as other, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.106.1"
        assert reaches(box, other.name)
        docker("network", "disconnect", net, box.name)
        assert "eth1" not in box.run("ls", "/sys/class/net")
        assert len(Router(net).ports()) == 1
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == other.fetch(WEB_IPV4) == "10.8.106.1"


def test_routed_network_is_known_to_the_peer_by_its_containers_addresses(
    configurations: Configurations,
) -> None:
    pools = ("10.8.107.0/24", "fd08:107::/64")
    name = configurations.client(
        "routed", "10.8.97.1", assigned=",".join(pools), allowed_ips=EVERYTHING
    )
    with shared(name, *option("wireguard-nat=off"), *subnets(*pools)) as net, container(net) as box:
        own = endpoint(box, net)
        assert box.fetch(WEB_IPV4) == own["IPAddress"]
        assert box.fetch(f"[{WEB_IPV6}]") == own["GlobalIPv6Address"]
        at_the_peer("ping", "-c", "1", own["IPAddress"])
        at_the_peer("ping", "-c", "1", own["GlobalIPv6Address"])


def test_ports_of_the_tunnel_lead_to_containers(configurations: Configurations) -> None:
    name = configurations.client("ports", "10.8.108.1", "fd08:108::1", allowed_ips=EVERYTHING)
    here, here_ipv6 = "172.28.108.5", "fd77:108::5"
    ports = f"8443:{here}:443/tcp,8443:[{here_ipv6}]:443,5353:{here}:53/udp"
    ipam = subnets("172.28.108.0/24", "fd77:108::/64")
    with (
        shared(name, *option(f"wireguard-forward={ports}"), *ipam) as net,
        container(net, "--ip", here, "--ip6", here_ipv6, command=SERVE) as box,
    ):
        # The provider knows where the tunnel's other end is once that has sent something.
        assert box.fetch(WEB_IPV4) == "10.8.108.1"
        wait_until(lambda: serves(box), "the server")
        assert page("10.8.108.1:8443") == page("[fd08:108::1]:8443") == "hello"
        inside = ("nsenter", "--net", "--target", str(box.pid()))
        with answering(inside, (here, "53")):
            ask = (sys.executable, "-c", ASK, "10.8.108.1", "5353")
            assert at_the_peer(*ask) == "hello"
        assert page("10.8.108.1:443") == ""


def page(host: str) -> str:
    """Return the page that a peer gets from the tunnel within three seconds; empty for none."""
    try:
        return at_the_peer("curl", "-sf", "-m", "3", f"http://{host}/")
    except CommandError:
        return ""


def serves(box: Container) -> bool:
    """Tell whether a container that is to serve does so."""
    return ":443" in box.in_namespace("ss", "-ltnH")


def test_port_is_a_container_s_own_while_it_has_it(configurations: Configurations) -> None:
    name = configurations.client("own-port", "10.8.109.1", "fd08:109::1", allowed_ips=EVERYTHING)
    forward = "driver-opt=wireguard-forward=8443:443"
    hosts = ("10.8.109.1:8443", "[fd08:109::1]:8443")
    with shared(name, *subnets("172.28.109.0/24", "fd77:109::/64")) as net:
        with ExitStack() as stack:
            stack.enter_context(container(net, command=SERVE))
            box = stack.enter_context(container(f"name={net},{forward}", command=SERVE))
            assert box.fetch(WEB_IPV4) == "10.8.109.1"
            wait_until(partial(serves, box), "the server")
            assert [page(host) for host in hosts] == ["hello", "hello"]
            output = refused(*start_on(f"name={net},{forward}"))
            assert "port 8443/tcp of the tunnel is that of " in output
            assert "[WG310]" in output
        # It is free again; and a container that runs can have it, too.
        with container("bridge", command=SERVE) as box:
            own = ("--driver-opt", "wireguard-forward=8443:443/tcp")
            docker("network", "connect", *own, net, box.name)
            wait_until(partial(serves, box), "the server")
            assert [page(host) for host in hosts] == ["hello", "hello"]
            docker("network", "disconnect", net, box.name)
            assert [page(host) for host in hosts] == ["", ""]


def test_what_no_peer_allows_is_refused_at_once(configurations: Configurations) -> None:
    name = configurations.client("split", "10.8.110.1", allowed_ips="203.0.113.0/24, 10.8.0.0/16")
    with shared(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.110.1"
        for there in ("192.0.2.1", "198.51.100.1"):
            ping = ("docker", "exec", box.name, "/busybox", "ping", "-c", "1", "-W", "60", there)
            assert "unreachable" in refused(*ping)


def test_bypass_is_reached_by_the_other_network(configurations: Configurations) -> None:
    """The host's address beside the provider, which nobody reaches from inside the tunnel."""
    name = configurations.client("bypass", "10.8.111.1", allowed_ips=EVERYTHING)
    beside = option("wireguard-bypass=198.51.100.0/24")
    with shared(name, *beside) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert reaches(box, "198.51.100.1")
        assert box.fetch(WEB_IPV4) == "10.8.111.1"
    with shared(name) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert not reaches(box, "198.51.100.1")


def test_networks_without_options_have_subnets_of_docker_s_choice(
    configurations: Configurations,
) -> None:
    name = configurations.client("plain", "10.8.112.1", allowed_ips=EVERYTHING)
    with shared(name) as net, container(net) as box:
        (subnet,) = docker(
            "network", "inspect", "--format", "{{range .IPAM.Config}}{{.Subnet}}{{end}}", net
        ).split()
        shown = box.run("ip", "address", "show", "eth0")
        assert f"/{subnet.partition('/')[2]} " in shown
        assert box.fetch(WEB_IPV4) == "10.8.112.1"
