"""Several tunnels in a container: which of them carries a packet, and is asked for a name."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.docker import docker
from tests.e2e.live.leaks.scene import Box, Scene, Tunnel
from tests.e2e.provider import NAMESPACE, TUNNEL_IPV4, WEB_IPV4

SPLIT_WEB = "10.9.1.1"
STARTS = 3
DNS_SERVER = Path(__file__).parents[1] / "dns_server.py"


@pytest.fixture(scope="module")
def at_once() -> bool:
    """Whether a container can start on a full tunnel and another one.

    Docker before 28 refuses the other one's address, depending on the order that it takes.
    """
    return int(docker("version", "--format", "{{.Server.Version}}").split(".")[0]) >= 28


@pytest.fixture(scope="module")
def split_web(provider: object) -> Iterator[str]:
    """The web server behind the tunnels has an address in both split tunnels."""
    address = ("dev", "lo", f"{SPLIT_WEB}/32")
    run("ip", "-n", NAMESPACE, "address", "add", *address)
    yield SPLIT_WEB
    run("ip", "-n", NAMESPACE, "address", "del", *address)


@pytest.mark.parametrize("first", ["short", "long"])
def test_longest_prefix_wins_in_either_order(scene: Scene, split_web: str, first: str) -> None:
    with (
        scene.tunnel("short", "100.66.3.1/32", allowed_ips="10.0.0.0/8") as short,
        scene.tunnel("long", "100.66.3.2/32", allowed_ips="10.9.0.0/16") as long,
        scene.box(scene.bridge) as box,
    ):
        for tunnel in (short, long) if first == "short" else (long, short):
            docker("network", "connect", tunnel.net, box.name)
        assert box.fetch(split_web) == long.addresses[0]
        assert box.fetch(TUNNEL_IPV4) == short.addresses[0]
        docker("network", "disconnect", long.net, box.name)
        docker("network", "connect", long.net, box.name)
        assert box.fetch(split_web) == long.addresses[0]


@contextmanager
def started_on(scene: Scene, tunnels: tuple[Tunnel, Tunnel], at_once: bool) -> Iterator[Box]:
    """A container on two tunnels, the second of which may have come later."""
    first, second = tunnels
    with scene.box(*(tunnels if at_once else (first,))) as box:
        if not at_once:
            docker("network", "connect", second.net, box.name)
        yield box


def start_again(box: Box, second: Tunnel, at_once: bool) -> None:
    """Start the container again, or only connect the second tunnel again."""
    if at_once:
        docker("restart", "--time", "0", box.name)
    else:
        docker("network", "disconnect", second.net, box.name)
        docker("network", "connect", second.net, box.name)


@pytest.mark.parametrize(
    ("priority", "wins"), [("", 0), ("wireguard-priority=1", 1)], ids=["name", "priority"]
)
@pytest.mark.parametrize("first", [0, 1])
def test_first_of_two_full_tunnels_is_decided(
    scene: Scene, at_once: bool, priority: str, wins: int, first: int
) -> None:
    options = (priority,) if priority else ()
    with (
        scene.tunnel("full-a", "10.8.115.1/32", allowed_ips="0.0.0.0/0") as a,
        scene.tunnel("full-b", "10.8.115.2/32", allowed_ips="0.0.0.0/0", options=options) as b,
        started_on(scene, (a, b) if first == 0 else (b, a), at_once) as box,
    ):
        assert box.fetch(WEB_IPV4) == (a, b)[wins].addresses[0]


class Server:
    """A DNS server behind the tunnels, and what it was asked."""

    def __init__(self, address: str, folder: Path) -> None:
        self.file = folder / address
        program = (sys.executable, str(DNS_SERVER), address, WEB_IPV4, str(self.file))
        self.process = subprocess.Popen(["ip", "netns", "exec", NAMESPACE, *program])

    def asked(self) -> list[str]:
        """Return the names that it was asked for, with whom asked, and forget them."""
        lines = self.file.read_text().splitlines()
        self.file.write_text("")
        return sorted(set(lines))


@pytest.fixture
def servers(split_web: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """The servers of a full and of a split tunnel."""
    full, split = (Server(address, tmp_path) for address in (TUNNEL_IPV4, split_web))
    for server in (full, split):
        wait_until(server.file.exists, "the DNS server")
    yield full, split
    for server in (full, split):
        server.process.kill()
        server.process.wait()


@pytest.mark.parametrize("first", ["full", "split"])
def test_names_of_search_domain_are_asked_of_its_tunnel_and_all_others_of_the_full_one(
    scene: Scene, servers: tuple[Server, Server], at_once: bool, first: str
) -> None:
    of_full, of_split = servers
    corp = f"{SPLIT_WEB}, corp.example"
    with (
        scene.tunnel("a-full", "10.8.116.1/32", allowed_ips="0.0.0.0/0") as full,
        scene.tunnel("b-corp", "100.66.4.1/32", allowed_ips="10.9.0.0/16", dns=corp) as split,
        ExitStack() as stack,
    ):
        tunnels = (full, split) if first == "full" else (split, full)
        box = stack.enter_context(started_on(scene, tunnels, at_once))
        for _ in range(STARTS):
            for name in ("www.example.test", "intra.corp.example", "notcorp.example"):
                assert WEB_IPV4 in box.run("nslookup", "-type=a", name)
            asked = [f"{full.addresses[0]} {n}" for n in ("notcorp.example", "www.example.test")]
            assert of_full.asked() == asked
            assert of_split.asked() == [f"{split.addresses[0]} intra.corp.example"]
            start_again(box, tunnels[1], at_once)


def test_interface_option_names_the_device(scene: Scene) -> None:
    options = ("wireguard-interface=vpn",)
    with (
        scene.tunnel("named", "10.8.117.1/32", options=options) as tunnel,
        scene.box(tunnel) as box,
    ):
        assert "10.8.117.1/32" in box.run("ip", "address", "show", "vpn0")
        assert box.fetch(WEB_IPV4) == "10.8.117.1"
