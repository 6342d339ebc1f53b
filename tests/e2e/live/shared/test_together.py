"""Five containers on one shared network, with one key between them."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container
from tests.e2e.lasting import configurations
from tests.e2e.live.conftest import get, tunnel, wait_for
from tests.e2e.live.shared.conftest import EVERYTHING, at_the_peer, endpoint, shared, subnets
from tests.e2e.live.test_dns import asked, resolves
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4, WEB_IPV6
from tests.e2e.routers import Router, pinned

__all__ = ["asked", "configurations"]

NAME = "together"
ADDRESSES = ("10.8.100.1", "fd08:100::1")
IPV4, IPV6 = ip_network("172.28.100.0/24"), ip_network("fd77:100::/64")
ALIASES = tuple(f"app-{number}" for number in range(5))


@pytest.fixture(scope="module")
def net(configurations: Configurations) -> Iterator[str]:
    dns = f"DNS = {TUNNEL_IPV4}"
    configurations.client(NAME, *ADDRESSES, allowed_ips=EVERYTHING, interface=dns)
    with shared(NAME, *subnets(str(IPV4), str(IPV6))) as net:
        yield net


@pytest.fixture(scope="module")
def boxes(net: str) -> Iterator[list[Container]]:
    with ExitStack() as stack:
        yield [stack.enter_context(container(net, "--network-alias", alias)) for alias in ALIASES]


def test_each_reaches_the_world_with_the_tunnel_s_address(boxes: list[Container]) -> None:
    assert [box.fetch(WEB_IPV4) for box in boxes] == [ADDRESSES[0]] * 5
    assert [box.fetch(f"[{WEB_IPV6}]") for box in boxes] == [ADDRESSES[1]] * 5


def test_each_finds_the_others_by_name_and_by_alias(boxes: list[Container]) -> None:
    others = [[box.name for box in boxes], ALIASES]
    for box in boxes:
        for names in others:
            each = "ping -4 -c 1 -W 5 $name && ping -6 -c 1 -W 5 $name || exit 1"
            box.run("sh", "-c", f"for name in {' '.join(names)}; do {each}; done")


def test_docker_shows_the_addresses_that_each_has(net: str, boxes: list[Container]) -> None:
    found = [endpoint(box, net) for box in boxes]
    assert len({each["IPAddress"] for each in found}) == 5
    for box, each in zip(boxes, found, strict=True):
        assert IPv4Address(each["IPAddress"]) in IPV4
        assert IPv6Address(each["GlobalIPv6Address"]) in IPV6
        octets = IPv4Address(each["IPAddress"]).packed
        assert each["MacAddress"] == "02:42:" + ":".join(f"{octet:02x}" for octet in octets)
        shown = box.run("ip", "address", "show", "eth0")
        assert f"inet {each['IPAddress']}/24 " in shown
        assert f"inet6 {each['GlobalIPv6Address']}/64 " in shown
        assert f"link/ether {each['MacAddress']} " in shown


def test_there_is_one_tunnel_in_the_router_and_none_elsewhere(
    net: str, boxes: list[Container]
) -> None:
    router = Router(net)
    assert pinned() == {router.network_id}
    assert len(router.ports()) == 5
    assert set(router.links()) == {"lo", "wg0", "br0"} | router.ports()
    assert router.run("wg", "show", "interfaces") == "wg0"
    assert run("wg", "show", "interfaces") == ""
    for box in boxes:
        assert box.run("ls", "/sys/class/net").split() == ["eth0", "lo"]
        assert box.in_namespace("wg", "show", "interfaces") == ""


def test_status_has_one_tunnel_with_all_containers(net: str, boxes: list[Container]) -> None:
    wait_for(NAME, lambda status: status["health"] == "up", "the handshake")
    found = tunnel(NAME)
    assert not found["error"]
    assert found["endpoint"] == ""
    assert found["network"] == Router(net).network_id
    there = {each["endpoint"]: each["namespace"] for each in found["containers"]}
    assert there == {
        endpoint(box, net)["EndpointID"]: box.inspect()["NetworkSettings"]["SandboxKey"]
        for box in boxes
    }
    assert not [each for each in found["containers"] if each["error"]]
    assert len(json.loads(get("/status"))["tunnels"]) == 1


def test_packets_are_as_small_as_the_tunnel_s_everywhere(net: str, boxes: list[Container]) -> None:
    router = Router(net)
    (mtu,) = {router.mtu(link) for link in router.links() if link != "lo"}
    assert mtu == 1420
    for box in boxes:
        assert f" mtu {mtu} " in box.run("ip", "link", "show", "eth0")
    payload = str(mtu - 28)
    assert "1 received" in boxes[0].in_namespace("ping", "-c1", "-Mdo", "-s", payload, WEB_IPV4)


def test_names_with_dots_are_asked_through_the_tunnel_and_docker_s_are_not(
    boxes: list[Container], asked: Path
) -> None:
    for box in boxes[:2]:
        assert resolves(box, "www.example.test", WEB_IPV4)
        assert re.search(r"172\.28\.100\.\d+", box.run("nslookup", "-type=a", ALIASES[4]))
    assert set(asked.read_text().splitlines()) == {f"{ADDRESSES[0]} www.example.test"}


def test_peer_reaches_no_container(net: str, boxes: list[Container]) -> None:
    """Nobody is reached from the tunnel who didn't ask for it, whatever a peer sends there."""
    address = endpoint(boxes[0], net)["IPAddress"]
    at_the_peer("ip", "route", "replace", str(IPV4), "dev", "wg0")
    key = at_the_peer("wg", "show", "wg0", "allowed-ips")
    (peer,) = re.findall(rf"^(\S+)\t.*{re.escape(ADDRESSES[0])}/32", key, re.MULTILINE)
    own = f"{ADDRESSES[0]},{ADDRESSES[1]}"
    at_the_peer("wg", "set", "wg0", "peer", peer, "allowed-ips", f"{own},{IPV4}")
    try:
        router = Router(net)
        before = int(router.run("wg", "show", "wg0", "transfer").split()[1])
        with pytest.raises(AssertionError):
            at_the_peer("ping", "-c", "2", "-W", "2", address)
        received = int(router.run("wg", "show", "wg0", "transfer").split()[1])
        assert received > before, "the peer's packets came as far as the router"
    finally:
        at_the_peer("wg", "set", "wg0", "peer", peer, "allowed-ips", own)
        at_the_peer("ip", "route", "del", str(IPV4), "dev", "wg0")


def test_host_and_containers_are_nothing_to_each_other(net: str, boxes: list[Container]) -> None:
    address = endpoint(boxes[0], net)["IPAddress"]
    assert "dev br0" not in run("ip", "route", "show", "table", "all")
    with pytest.raises(AssertionError):
        run("ping", "-c", "1", "-W", "1", address)


def test_container_that_ends_leaves_the_router_without_its_port(net: str) -> None:
    router = Router(net)
    before = router.ports()
    with container(net):
        assert len(router.ports() - before) == 1
    wait_until(lambda: router.ports() == before, "the port's end")
