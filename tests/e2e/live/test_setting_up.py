"""What a container has at its first instruction, on every release."""

import re

from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, PLUGIN, Container, container, docker, network
from tests.e2e.live.conftest import tunnel, wait_for
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4, WEB_IPV6

SHOW = "ip address show wg0; ip route show table all; ip -6 route show table all"


def at_first(net: str) -> str:
    """Return what a container sees of its network before it does anything else."""
    show = ("/busybox", "sh", "-c", f"PATH=/bin; {SHOW}")
    return docker("run", "--rm", "--network", net, IMAGE, *show)


def test_all_addresses_and_exact_routes_are_there_at_the_first_instruction(
    configurations: Configurations,
) -> None:
    addresses = ("10.8.40.1/32", "10.8.40.2/24", "10.8.40.3/32", "fd08:40::1/128", "fd08:40::2/64")
    name = configurations.client("many", *addresses, allowed_ips="0.0.0.0/0, 10.8.0.0/16, ::/0")
    with network(name) as net:
        shown = at_first(net)
    assert set(re.findall(r"inet6? (\S+)", shown)) >= set(addresses)
    into = set(re.findall(r"^(\S+) dev wg0", shown, re.MULTILINE))
    assert {"default", "10.8.0.0/16"} <= into
    assert not into & {"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"}


def test_further_addresses_are_used_as_the_first(configurations: Configurations) -> None:
    addresses = ("10.8.41.1/32", "10.8.41.2/32", "fd08:41::1/128")
    name = configurations.client("second", *addresses, allowed_ips="0.0.0.0/0, ::/0")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.41.1"
        assert box.fetch(f"[{WEB_IPV6}]") == "fd08:41::1"
        box.run("ping", "-c", "1", "-I", "10.8.41.2", WEB_IPV4)
        inspected = box.inspect()["NetworkSettings"]["Networks"][net]
        assert inspected["IPAddress"] == "10.8.41.1"


def test_addresses_of_docker_and_of_the_file_go_together(configurations: Configurations) -> None:
    name = configurations.client(
        "together", "10.8.42.7/24", "10.8.43.7/32", allowed_ips="203.0.113.0/24"
    )
    with (
        network(name, "--subnet", "10.8.42.0/24") as net,
        container(net, "--ip", "10.8.42.7") as box,
    ):
        shown = box.run("ip", "address", "show", "wg0")
        assert "inet 10.8.42.7/24" in shown
        assert "inet 10.8.43.7/32" in shown
        assert box.fetch(WEB_IPV4) == "10.8.42.7"


def test_tunnel_is_taken_up_again_by_a_new_plugin(configurations: Configurations) -> None:
    name = configurations.client("again", "10.8.44.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        docker("plugin", "disable", "--force", PLUGIN)
        configurations.client("again", "10.8.44.1/32", "10.8.44.2/32", allowed_ips="0.0.0.0/0")
        docker("plugin", "enable", PLUGIN)
        wait_for(name, lambda status: len(status["peers"]) == 1, "the tunnel")
        assert "inet 10.8.44.2/32" in box.run("ip", "address", "show", "wg0")
        assert box.fetch(WEB_IPV4) == "10.8.44.1"


def test_partial_tunnel_goes_before_a_full_one(configurations: Configurations) -> None:
    full = configurations.client("all", "10.8.48.1/32", allowed_ips="0.0.0.0/0, ::/0")
    part = configurations.client("part", "10.8.49.1/32", allowed_ips="203.0.113.0/24")
    with network(full) as everything, network(part) as some, container(everything) as box:
        assert box.fetch(WEB_IPV4) == "10.8.48.1"
        docker("network", "connect", some, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.49.1"
        box.run("ping", "-c", "1", TUNNEL_IPV4)
        docker("network", "disconnect", some, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.48.1"


def test_nothing_is_left_of_a_tunnel_that_is_disconnected_and_opens(
    configurations: Configurations,
) -> None:
    name = configurations.client("leaving", "10.8.45.1/32", allowed_ips="0.0.0.0/0, ::/0")
    opens = ("--ipam-driver", "null", "--opt", "wireguard-disconnect=open")
    with network(name, *opens) as net, container("bridge") as box:
        before = left(box)
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.45.1"
        docker("network", "disconnect", net, box.name)
        assert left(box) == before


def left(box: Container) -> tuple[str, ...]:
    """Return what a container has of rules, tables and nftables."""
    inside = box.in_namespace
    return (
        inside("ip", "rule"),
        inside("ip", "-6", "rule"),
        inside("ip", "route", "show", "table", "all"),
        inside("nft", "list", "tables", "inet"),
        inside("nft", "list", "tables", "netdev"),
    )


def test_device_deleted_by_hand_is_reported(configurations: Configurations) -> None:
    name = configurations.client("deleted", "10.8.46.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        wait_for(name, lambda status: status["interface"] == "wg0", "the device")
        box.in_namespace("ip", "link", "del", "wg0")
        wait_for(name, lambda status: "gone" in status["error"], "the error")
        assert tunnel(name)["interface"] == ""


def test_device_renamed_by_hand_is_followed(configurations: Configurations) -> None:
    name = configurations.client("renamed", "10.8.47.1/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container(net) as box:
        box.in_namespace("ip", "link", "set", "wg0", "name", "vpn")
        wait_for(name, lambda status: status["interface"] == "vpn", "the new name")
        configurations.client("renamed", "10.8.47.1/32", allowed_ips="0.0.0.0/0")
        wait_for(name, lambda status: "0.0.0.0/0" in status["peers"][0]["allowed_ips"], "reload")
        assert box.fetch(WEB_IPV4) == "10.8.47.1"
