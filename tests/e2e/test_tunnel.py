"""A container on a WireGuard network: what it has, what it reaches, and how it goes."""

import ipaddress

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import PLUGIN, container, docker, network
from tests.e2e.provider import TUNNEL_IPV4, TUNNEL_IPV6, WEB_IPV4, WEB_IPV6

EVERYTHING = "0.0.0.0/0, ::/0"


def test_container_has_lo_and_wg0_and_nothing_else(configurations: Configurations) -> None:
    name = configurations.client("plain", "10.8.0.2/32", "fd08::2/128", allowed_ips=EVERYTHING)
    with network(name) as net, container(net) as box:
        assert box.run("ls", "/sys/class/net").split() == ["lo", "wg0"]
        addresses = box.run("ip", "address", "show", "wg0")
    assert "inet 10.8.0.2/32" in addresses
    assert "inet6 fd08::2/128" in addresses


def test_world_is_reached_through_the_tunnel(configurations: Configurations) -> None:
    name = configurations.client("full", "10.8.0.3/32", "fd08::3/128", allowed_ips=EVERYTHING)
    with network(name) as net, container(net) as box:
        box.run("ping", "-c", "1", TUNNEL_IPV4)
        box.run("ping", "-c", "1", TUNNEL_IPV6)
        assert box.fetch(WEB_IPV4) == "10.8.0.3"
        assert box.fetch(f"[{WEB_IPV6}]") == "fd08::3"


def test_container_without_privileges_cannot_change_its_tunnel(
    configurations: Configurations,
) -> None:
    name = configurations.client("locked", "10.8.0.4/32", allowed_ips="0.0.0.0/0")
    with network(name) as net, container(net, "--cap-drop", "ALL") as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.4"
        with pytest.raises(AssertionError, match="not permitted"):
            box.run("ip", "link", "set", "wg0", "down")


def test_addresses_come_from_docker_where_the_file_has_none(
    configurations: Configurations,
) -> None:
    subnets = ("10.8.7.0/24", "fd08:7::/64")
    name = configurations.client(
        "assigned", assigned=",".join(subnets), allowed_ips=f"10.8.0.0/16, {EVERYTHING}"
    )
    ipam = ("--ipv6", *(option for subnet in subnets for option in ("--subnet", subnet)))
    with network(name, *ipam) as net, container(net) as box:
        endpoint = box.inspect()["NetworkSettings"]["Networks"][net]
        assert ipaddress.ip_address(endpoint["IPAddress"]) in ipaddress.ip_network(subnets[0])
        assert box.fetch(WEB_IPV4) == endpoint["IPAddress"]
        assert box.fetch(f"[{WEB_IPV6}]") == endpoint["GlobalIPv6Address"]


def test_mtu_of_the_network_counts_if_the_file_has_none(configurations: Configurations) -> None:
    option = ("--opt", "com.docker.network.driver.mtu=1300")
    for line, expected in (("", 1300), ("MTU = 1350", 1350)):
        name = configurations.client(
            "client", "10.8.1.2/32", allowed_ips="0.0.0.0/0", interface=line
        )
        with network(name, "--ipam-driver", "null", *option) as net, container(net) as box:
            assert f" mtu {expected} " in box.run("ip", "link", "show", "wg0")


def test_subnet_of_the_address_may_be_among_the_allowed_ips(
    configurations: Configurations,
) -> None:
    name = configurations.client(
        "subnet", "10.8.0.5/24", allowed_ips="10.8.0.0/24, 10.8.0.77/16, 203.0.113.0/24"
    )
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.5"
        routes = box.routes()
    assert sorted(set(routes)) == ["10.8.0.0/16", "10.8.0.0/24", "203.0.113.0/24"]


def test_several_peers_and_hundreds_of_allowed_ips(configurations: Configurations) -> None:
    name = configurations.client("many", "10.8.0.6/32", allowed_ips=f"{WEB_IPV4}/32")
    path = configurations.folder / f"{name}.conf"
    for number in range(2):
        key = run("wg", "pubkey", stdin=run("wg", "genkey"))
        nets = ",".join(f"10.{100 + number}.{i}.0/24" for i in range(200))
        with path.open("a") as file:
            file.write(f"[Peer]\nPublicKey = {key}\nAllowedIPs = {nets}\n")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.0.6"
        # Docker before 28 is told routes that the live edition then takes away.
        wait_until(lambda: len(box.routes()) == 401, "the routes of the file alone")
        allowed = box.in_namespace("wg", "show", "wg0", "allowed-ips")
    assert sorted(len(line.split()) - 1 for line in allowed.splitlines()) == [1, 200, 200]


def test_two_containers_talk_over_the_hosts_loopback(configurations: Configurations) -> None:
    keys = [run("wg", "genkey") for _ in range(2)]
    names = []
    for own in range(2):
        other = 1 - own
        text = (
            f"[Interface]\nPrivateKey = {keys[own]}\nListenPort = {51900 + own}\n"
            f"Address = 10.9.0.{own}/32\n[Peer]\nAllowedIPs = 10.9.0.{other}/32\n"
            f"PublicKey = {run('wg', 'pubkey', stdin=keys[other])}\n"
            f"Endpoint = localhost:{51900 + other}\n"
        )
        names.append(configurations.write(f"side-{own}", text))
    with (
        network(names[0]) as left,
        network(names[1]) as right,
        container(left) as here,
        container(right),
    ):
        here.run("ping", "-c", "3", "10.9.0.1")


def test_container_restarts_into_a_working_tunnel(configurations: Configurations) -> None:
    name = configurations.client("again", "10.8.0.7/32", allowed_ips="0.0.0.0/0")
    with network(name) as net, container(net) as box:
        docker("restart", "--time", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.0.7"


def test_edit_of_the_file_counts_at_the_next_start(configurations: Configurations) -> None:
    name = configurations.client("edited", "10.8.0.8/32", allowed_ips="0.0.0.0/0")
    with network(name) as net:
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.8"
        configurations.client("edited", "10.8.0.9/32", allowed_ips="0.0.0.0/0")
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.9"


def test_running_container_is_connected_and_disconnected(configurations: Configurations) -> None:
    name = configurations.client("live", "10.8.0.10/32", allowed_ips="203.0.113.0/24")
    with network(name) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.0.10"
        docker("network", "disconnect", net, box.name)
        assert "wg0" not in box.run("ls", "/sys/class/net")


def test_tunnel_outlives_the_plugin_and_its_start_clears_up(configurations: Configurations) -> None:
    name = configurations.client("outlives", "10.8.0.11/32", allowed_ips="0.0.0.0/0")
    orphan = "wgp0123456789ab"
    run("ip", "link", "add", orphan, "type", "wireguard")
    with network(name) as net, container(net) as box:
        docker("plugin", "disable", "--force", PLUGIN)
        assert box.fetch(WEB_IPV4) == "10.8.0.11"
        docker("plugin", "enable", PLUGIN)
        wait_until(lambda: orphan not in run("ip", "-brief", "link"), "the orphan's deletion")
        assert box.fetch(WEB_IPV4) == "10.8.0.11"
