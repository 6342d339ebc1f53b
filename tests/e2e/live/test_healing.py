"""What fails in a container, or is changed there by hand, is put right without a restart."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker, network
from tests.e2e.engine import ask
from tests.e2e.live.conftest import tunnel, wait_for
from tests.e2e.live.test_moving import (
    ELSEWHERE,
    HERE,
    Hosts,
    by_name,
    elsewhere,
    expect_followed,
    hosts,
)
from tests.e2e.provider import ENDPOINT, WEB_IPV4

__all__ = ["elsewhere", "hosts"]

DAY = 86_400.0


def tables(box: Container) -> set[str]:
    return {
        line
        for family in ("inet", "netdev")
        for line in box.in_namespace("nft", "list", "tables", family).splitlines()
        if "wireguard-" in line
    }


def ruleset(box: Container) -> str:
    return box.in_namespace("nft", "list", "ruleset", "inet")


def routing(box: Container, device: str = "wg0") -> set[str]:
    """Return a container's addresses, rules, and routes, without those of the kernel's own."""
    shown = [
        box.in_namespace("ip", *family, *what)
        for family in (("-4",), ("-6",))
        for what in (
            ("-brief", "address", "show", "dev", device, "scope", "global"),
            ("rule",),
            ("route", "show", "table", "51820"),
        )
    ]
    return {line.strip() for text in shown for line in text.splitlines()}


@contextmanager
def refused_nftables(box: Container, net: str) -> Iterator[None]:
    """Let nobody else use the name of a tunnel's table, for as long as the block lasts."""
    # The number in a table's name is made of the network's id (wgplugin/model/identity.py).
    network_id = ask(f"/networks/{net}")["Id"]
    name = f"wireguard-{sha256(network_id.encode()).hexdigest()[:7]}"
    command = ["nsenter", "--net", "--target", str(box.pid()), "nft", "--interactive"]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, bufsize=1)
    assert owner.stdin
    # To delete what may not be there, it is added first: older nft(8) have no destroy. All at once,
    # as the plugin would put the table back in between.
    lines = (f"add table inet {name}", f"delete table inet {name}")
    owner.stdin.write(f"{'; '.join(lines)}; add table inet {name} {{ flags owner; }}\n")
    try:
        wait_until(lambda: "flags owner" in ruleset(box), "the table of somebody else")
        yield
    finally:
        owner.stdin.close()
        owner.wait()


def test_nftables_that_are_refused_at_first_are_there_once_they_are_not(
    configurations: Configurations,
) -> None:
    name = configurations.client("refused", "10.8.50.1/32", allowed_ips="0.0.0.0/0, ::/0")
    with network(name) as net, container("bridge") as box:
        with refused_nftables(box, net):
            docker("network", "connect", net, box.name)
            wait_for(name, lambda status: "[WG410]" in status["error"], "the error")
            assert box.fetch(WEB_IPV4) == "10.8.50.1"
        wait_for(name, lambda status: not status["error"], "the end of the error")
        assert len(tables(box)) == 2


def test_nftables_that_are_refused_later_are_there_once_they_are_not(
    configurations: Configurations,
) -> None:
    name = configurations.client("later", "10.8.51.1/32", allowed_ips="0.0.0.0/0, ::/0")
    with network(name) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.51.1"
        with refused_nftables(box, net):
            wait_for(name, lambda status: "[WG410]" in status["error"], "the error")
        wait_for(name, lambda status: not status["error"], "the end of the error")
        assert len(tables(box)) == 2


@pytest.mark.parametrize(
    "command",
    [
        "ip link set wg0 down",
        "ip link set wg0 down; sleep 0.1; ip link set wg0 up",
        "ip route flush table 51820; ip -6 route flush table 51820",
        "ip rule del priority 5181; ip rule del priority 5182; ip -6 rule del priority 5182",
        "ip address flush dev wg0",
        "nft flush ruleset",
        "wg set wg0 peer $(wg show wg0 peers) remove",
        "wg set wg0 peer $(wg show wg0 peers) allowed-ips 10.0.0.0/8",
    ],
)
def test_what_is_changed_by_hand_is_put_right(configurations: Configurations, command: str) -> None:
    name = configurations.client("changed", "10.8.52.1/32", allowed_ips="0.0.0.0/0, ::/0")
    with network(name) as net, container("bridge") as box:
        docker("network", "connect", net, box.name)
        assert box.fetch(WEB_IPV4) == "10.8.52.1"
        before = routing(box), tables(box), len(tunnel(name)["peers"][0]["allowed_ips"])
        box.in_namespace("sh", "-c", command)

        def now() -> tuple[object, ...]:
            peers = tunnel(name)["peers"]
            return routing(box), tables(box), len(peers[0]["allowed_ips"]) if peers else 0

        wait_until(lambda: now() == before, "what was there before")
        assert box.fetch(WEB_IPV4) == "10.8.52.1"
        # What undoes a repair at the same moment makes an error until the next attempt.
        wait_until(lambda: not tunnel(name)["error"], "the end of an error")


def test_name_whose_first_address_is_dead_is_tried_on_the_next(
    configurations: Configurations, settings: Path, hosts: Hosts
) -> None:
    hosts.put(ELSEWHERE, HERE)
    name = by_name(configurations, "dead", "10.8.53.1")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text() + "PersistentKeepalive = 1\n")
    with network(name) as net:
        with container(net) as box:
            wait_for(name, lambda status: status["health"] == "up", "the handshake")
            assert tunnel(name)["peers"][0]["endpoint"] == ENDPOINT
            assert box.fetch(WEB_IPV4) == "10.8.53.1"
        with container(net):
            endpoint = tunnel(name)["peers"][0]["endpoint"]
            assert endpoint == ENDPOINT, "what worked before comes first"


@contextmanager
def date_set(by: float) -> Iterator[None]:
    """Set the host's date by so many seconds, for as long as the block lasts."""
    time.clock_settime(time.CLOCK_REALTIME, time.time() + by)
    try:
        yield
    finally:
        time.clock_settime(time.CLOCK_REALTIME, time.time() - by)


def test_health_and_search_go_on_though_the_date_is_set(
    configurations: Configurations, settings: Path, hosts: Hosts, elsewhere: str
) -> None:
    hosts.put(HERE)
    name = by_name(configurations, "date", "10.8.54.1")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text() + "PersistentKeepalive = 1\n")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.54.1"
        wait_for(name, lambda status: status["health"] == "up", "the handshake")
        with date_set(DAY):
            assert tunnel(name)["health"] == "up"
        with date_set(-DAY):
            assert tunnel(name)["health"] == "up"
            expect_followed(name, hosts, elsewhere)
        # A peer refuses handshakes of an earlier date than the last one's.
        assert box.fetch(WEB_IPV4) == "10.8.54.1"


def test_network_that_is_connected_is_known_to_nftables(configurations: Configurations) -> None:
    """Only the kernel's notice leads to that: looks at a tunnel don't see other networks."""
    name = configurations.client("others", "10.8.55.1/32", allowed_ips="0.0.0.0/0, ::/0")
    with network(name) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.55.1"
        docker("network", "connect", "bridge", box.name)
        near = re.compile(r"set near4 \{.*?172\.17\.0\.0/16", re.DOTALL)
        wait_until(lambda: bool(near.search(ruleset(box))), "the bridge's subnet")
