"""A shared network beside others in one container: where packets go, and in which order."""

import re

from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker, network
from tests.e2e.live.shared.conftest import EVERYTHING, endpoint, reaches, shared, subnets
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4, WEB_IPV6

PART = "203.0.113.0/24"


def way(box: Container, address: str = WEB_IPV4) -> str:
    """Return the device by which an address is reached."""
    (device,) = re.findall(r" dev (\S+)", box.in_namespace("ip", "route", "get", address))
    return str(device)


def test_longest_prefix_wins_among_two_shared_networks(configurations: Configurations) -> None:
    every = configurations.client("z-all", "10.8.130.1", "fd08:130::1", allowed_ips=EVERYTHING)
    part = configurations.client("a-part", "10.8.131.1", allowed_ips=PART)
    ipam = subnets("172.28.130.0/24", "fd77:130::/64")
    with (
        shared(every, *ipam) as first,
        shared(part, "--subnet", "172.28.131.0/24") as second,
        container(first, "--network-alias", "here") as box,
        container(second, "--network-alias", "there") as other,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.130.1"
        docker("network", "connect", second, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.131.1"
        assert box.fetch(f"[{WEB_IPV6}]") == "fd08:130::1"
        assert reaches(box, TUNNEL_IPV4)
        assert reaches(box, "there")
        assert reaches(box, endpoint(other, second)["IPAddress"])
        docker("network", "disconnect", second, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.130.1"
        assert not reaches(box, "there")


def test_priority_and_then_the_name_decide_between_equal_prefixes(
    configurations: Configurations,
) -> None:
    names = {
        each: configurations.client(each, f"10.8.132.{number}", allowed_ips=PART)
        for number, each in enumerate(("a-tunnel", "m-shared", "z-shared"), 1)
    }
    with (
        shared(names["m-shared"], "--subnet", "172.28.132.0/24") as middle,
        shared(names["z-shared"], "--subnet", "172.28.133.0/24") as last,
        network(names["a-tunnel"]) as own,
        container(last) as box,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.132.3"
        docker("network", "connect", middle, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.132.2"
        docker("network", "connect", own, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.132.1"
        assert way(box) == "wg0"
        docker("network", "disconnect", own, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.132.2"
    first = ("--opt", "wireguard-priority=10")
    with (
        shared(names["m-shared"], "--subnet", "172.28.132.0/24") as middle,
        shared(names["z-shared"], *first, "--subnet", "172.28.133.0/24") as last,
        container(middle) as box,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.132.2"
        docker("network", "connect", last, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.132.3"


def test_full_shared_network_beside_a_tunnel_of_the_container_s_own(
    configurations: Configurations,
) -> None:
    every = configurations.client("all", "10.8.134.1", allowed_ips="0.0.0.0/0")
    part = configurations.client("part", "10.8.135.1/32", allowed_ips=PART)
    with shared(every) as net, network(part) as own, container(net) as box:
        docker("network", "connect", own, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.135.1"
        assert (way(box), way(box, TUNNEL_IPV4)) == ("wg0", "eth0")
        assert reaches(box, TUNNEL_IPV4)
        docker("network", "disconnect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.135.1"
        assert not reaches(box, TUNNEL_IPV4)


def test_client_of_a_bridge_beside_it_is_answered_and_the_world_is_in_the_tunnel(
    configurations: Configurations,
) -> None:
    name = configurations.client("bridged", "10.8.136.1", allowed_ips="0.0.0.0/0")
    serve = "echo hello >/index.html; exec /busybox httpd -f -h /"
    with shared(name) as net, container("bridge", command=serve) as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.136.1"
        with container("bridge") as client:
            address = box.inspect()["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
            assert client.fetch(address) == "hello"
        assert way(box) == "eth1"
