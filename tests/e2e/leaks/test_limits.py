"""The base edition's limits: each one is as docs/security.md has it, and so is its cure."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.commands import CommandError, run, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import LIVE, Container, container, docker, network
from tests.e2e.engine import ask
from tests.e2e.leaks.boundary import PROBES
from tests.e2e.leaks.conftest import NULL_IPAM, UPLINK, bridge_network
from tests.e2e.leaks.probing import IN_TUNNEL_DNS, PYTHON, Bridge, Suspect, Suspects
from tests.e2e.provider import NAMESPACE, TUNNEL_IPV4, WEB_IPV4, WEB_IPV6

pytestmark = pytest.mark.skipif(LIVE, reason="the base edition's limits")

ROUTER = Path(__file__).with_name("router.py")
EVERYTHING = "0.0.0.0/0, ::/0"
DUAL, ONLY_IPV4 = "a-bridge-dual", "a-bridge-ipv4"
# No other box may be there: it would leak, too.
ADVERTISING = "z-bridge-dual"
PROBE = {int(probe.version): str(probe) for probe in PROBES[::-1]}
ADVERTISED = "2001:db8:dead::/64"
NEIGHBOUR = "2001:db8:dead::77"
PORT = "9"
ACCEPT_RA = "net.ipv6.conf.{}.accept_ra=0"

# Run in the container: SEND binds a socket to a device, SEND_FRAME leaves out its routes.
SEND = """
import socket, sys
device, address, text = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.sendto(text.encode(), (address, 9))
"""
SEND_FRAME = """
import socket, struct, sys
device, gateway, source, address, text = sys.argv[1:]
datagram = struct.pack("!HHHH", 9, 9, 8 + len(text), 0) + text.encode()
ends = socket.inet_aton(source) + socket.inet_aton(address)
head = struct.pack("!BBHHHBBH", 69, 0, 20 + len(datagram), 0, 0, 64, 17, 0) + ends
total = sum(struct.unpack("!10H", head))
total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
head = head[:10] + struct.pack("!H", total) + head[12:]
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
    sock.sendto(head + datagram, (device, 0x0800, 0, 0, bytes.fromhex(gateway.replace(":", ""))))
"""
# RECEIVE shows the first datagram that comes, and SEND_FROM sends one with a source address.
RECEIVE = """
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    sock.settimeout(60)
    sock.bind(("::", int(sys.argv[1])))
    print("ready", flush=True)
    print(sock.recv(99).decode(), flush=True)
"""
SEND_FROM = """
import socket, sys
source, address, port, text = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sock:
    sock.bind((source, 0))
    sock.sendto(text.encode(), (address, int(port)))
"""


@pytest.fixture(scope="module")
def further_bridges() -> Iterator[dict[str, Bridge]]:
    """An internal network, and one whose containers are kept apart (enable_icc=false)."""
    apart = ("--opt", "com.docker.network.bridge.enable_icc=false")
    with ExitStack() as stack:
        made = (
            bridge_network("a-internal", "100.64.105.0/24", options=("--internal",)),
            bridge_network("a-apart", "100.64.106.0/24", "2001:db8:64:6::/64", options=apart),
        )
        yield {bridge.name: bridge for bridge in map(stack.enter_context, made)}


@dataclass(frozen=True)
class Box:
    """A suspect in a full tunnel of both families, with these addresses there, and on a bridge."""

    suspect: Suspect
    tunnel: str
    addresses: tuple[str, str]
    bridge: Bridge

    @property
    def container(self) -> Container:
        return self.suspect.container

    def be_silent(self) -> None:
        """Let it do nothing more by itself, so that what is captured stays little."""
        os.kill(self.container.pid(), signal.SIGSTOP)

    def leaks(self, since: int | None = None) -> Counter[str]:
        """Return what leaks; see Suspect.leaks()."""
        return self.suspect.leaks(self.tunnel, self.bridge, since=since)

    def device(self) -> str:
        """Return the name of the bridge's device in the container."""
        names = self.container.run("ls", "/sys/class/net").split()
        (name,) = (name for name in names if name.startswith("eth"))
        return name

    def on_bridge(self) -> tuple[str, str]:
        """Return its IPv4 and its IPv6 address on the bridge; "" if it has none."""
        endpoint = self.container.inspect()["NetworkSettings"]["Networks"][self.bridge.name]
        return str(endpoint["IPAddress"]), str(endpoint["GlobalIPv6Address"])

    def python(self, program: str, *arguments: str) -> None:
        """Run a program in the container, without privileges."""
        docker("exec", self.container.name, str(PYTHON), "-I", "-S", "-c", program, *arguments)


@dataclass(frozen=True)
class Boxes:
    """What makes them, each with a configuration of its own."""

    suspects: Suspects
    configurations: Configurations
    numbers: Iterator[int]

    @contextmanager
    def on(self, bridge: Bridge, *options: str, bypass: bool = False) -> Iterator[Box]:
        """A box, for as long as the block lasts; ``bypass`` leaves the bridge to its own route."""
        number = next(self.numbers)
        ipv4, ipv6 = addresses = f"10.8.80.{number}", f"fd08:80::{number}"
        own = (f"{ipv4}/32", f"{ipv6}/128")
        name = self.configurations.client(f"limit-{number}", *own, allowed_ips=EVERYTHING)
        out = ("--opt", f"wireguard-bypass={bridge.subnets[0]}") if bypass else ()
        with (
            network(name, *NULL_IPAM, *out) as net,
            self.suspects.on(bridge.name, net, options=(*IN_TUNNEL_DNS, *options)) as suspect,
        ):
            yield Box(suspect, net, addresses, bridge)


@pytest.fixture(scope="module")
def boxes(suspects: Suspects, configurations: Configurations) -> Boxes:
    return Boxes(suspects, configurations, count(1))


@pytest.fixture(scope="module")
def box(boxes: Boxes, bridges: dict[str, Bridge]) -> Iterator[Box]:
    with boxes.on(bridges[DUAL]) as box:
        box.be_silent()
        yield box


@pytest.fixture(scope="module")
def cured(boxes: Boxes, further_bridges: dict[str, Bridge]) -> Iterator[Box]:
    """A box on an internal network, without NET_RAW."""
    internal = further_bridges["a-internal"]
    # Docker 20.10 refuses an internal network beside a full tunnel without the bypass.
    with boxes.on(internal, "--cap-drop", "NET_RAW", bypass=True) as box:
        box.be_silent()
        yield box


def token() -> str:
    """Return a text that nothing else sends."""
    return uuid4().hex


def leaves(suspects: Suspects, since: int, text: str) -> bool:
    """Return whether a text has left the host in clear since a mark of its capture."""
    end = suspects.outside.mark()
    frames = suspects.outside.frames[since:end]
    return any(frame.interface == UPLINK and text.encode() in frame.packet for frame in frames)


# Sockets


@pytest.mark.parametrize("version", [4, 6])
def test_socket_that_is_bound_to_the_bridges_device_leaves(
    suspects: Suspects, box: Box, version: int
) -> None:
    start, text = suspects.outside.mark(), token()
    box.python(SEND, box.device(), PROBE[version], text)
    wait_until(lambda: leaves(suspects, start, text), "the datagram")


def test_socket_that_is_bound_to_an_internal_networks_device_stays(
    suspects: Suspects, cured: Box
) -> None:
    text = token()
    cured.python(SEND, cured.device(), PROBE[4], text)
    assert not leaves(suspects, cured.suspect.since, text)


def test_frame_of_a_packet_socket_leaves(suspects: Suspects, box: Box) -> None:
    start, text = suspects.outside.mark(), token()
    bridge = ask(f"/networks/{DUAL}")["Id"][:12]
    gateway = Path("/sys/class/net", f"br-{bridge}", "address").read_text().strip()
    box.python(SEND_FRAME, box.device(), gateway, box.on_bridge()[0], PROBE[4], text)
    wait_until(lambda: leaves(suspects, start, text), "the frame")


def test_container_without_net_raw_has_no_packet_socket(cured: Box) -> None:
    with pytest.raises(CommandError, match="not permitted"):
        cured.python(SEND_FRAME, cured.device(), "ff" * 6, cured.on_bridge()[0], PROBE[4], token())


# Neighbours on the bridge


@contextmanager
def neighbour_of(box: Box) -> Iterator[Container]:
    """Another container on the bridge, with a way to the first one's addresses in the tunnel."""
    with container(box.bridge.name) as neighbour:
        for address, gateway in zip(box.addresses, box.on_bridge(), strict=True):
            if gateway:
                neighbour.in_namespace("ip", "route", "add", address, "via", gateway)
        yield neighbour


def answered(neighbour: Container, address: str) -> bool:
    """Return whether a neighbour's ping is answered."""
    ping = ("/busybox", "ping", "-c", "1", "-W", "3", address)
    return succeeds("docker", "exec", neighbour.name, *ping)


def test_neighbours_ping_to_the_tunnels_addresses_is_answered(box: Box) -> None:
    with neighbour_of(box) as neighbour:
        assert all(answered(neighbour, address) for address in box.addresses)


def first_received(box: Box, neighbour: Container, address: str) -> str:
    """Return which of two datagrams to an address of the box's it receives first.

    The neighbour sends a "forged" one, as if from behind the tunnel, and then a "plain" one.
    """
    forged, any_source = (WEB_IPV6, "::") if ":" in address else (WEB_IPV4, "0.0.0.0")
    python = (str(PYTHON), "-I", "-S", "-c")
    receive = ("docker", "exec", box.container.name, *python, RECEIVE, PORT)
    with subprocess.Popen(receive, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout
        assert receiver.stdout.readline() == "ready\n"
        neighbour.in_namespace("ip", "address", "replace", forged, "dev", "lo")
        for source, text in ((forged, "forged"), (any_source, "plain")):
            neighbour.in_namespace(*python, SEND_FROM, source, address, PORT, text)
        return receiver.stdout.readline().strip()


def test_neighbours_forged_datagram_to_the_tunnels_addresses_is_received(box: Box) -> None:
    with neighbour_of(box) as neighbour:
        found = [first_received(box, neighbour, address) for address in box.addresses]
    assert found == ["forged", "forged"]


def test_neighbours_forged_datagram_is_dropped_in_ipv4_with_rp_filter(
    boxes: Boxes, bridges: dict[str, Bridge]
) -> None:
    rp_filter = ("--sysctl", "net.ipv4.conf.all.rp_filter=1")
    with boxes.on(bridges[DUAL], *rp_filter) as box, neighbour_of(box) as neighbour:
        found = [first_received(box, neighbour, address) for address in box.addresses]
    assert found == ["plain", "forged"]


# Router advertisements


def advertise(neighbour: Container) -> None:
    """Announce a prefix, and be one of its hosts."""
    address = ("ip", "-6", "address")
    show = (*address, "show", "dev", "eth0", "scope", "link", "-tentative")
    wait_until(lambda: "fe80::" in neighbour.in_namespace(*show), "the neighbour's address")
    neighbour.in_namespace(*address, "replace", f"{NEIGHBOUR}/128", "dev", "eth0", "nodad")
    neighbour.in_namespace(sys.executable, str(ROUTER), "eth0", ADVERTISED)


def leaks_after_advertisement(suspects: Suspects, box: Box, *, expected: bool) -> bool:
    """Return whether anything leaks after a neighbour's advertisement.

    The box sends to the advertised prefix all the time. If a route to that is ``expected``, wait
    for it.
    """
    start = suspects.outside.mark()
    with neighbour_of(box) as neighbour:
        if not box.on_bridge()[1]:
            # Docker gives the neighbour no IPv6 either; with privileges it has it all the same.
            own = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"
            neighbour.in_namespace("sh", "-c", f"echo 0 >{own}")
        advertise(neighbour)

        def has_route() -> bool:
            return f"{ADVERTISED} dev eth" in box.container.run("ip", "-6", "route")

        if expected:
            wait_until(has_route, "the advertised route")
        leaks = box.leaks(start)
        assert has_route() == expected
    return bool(leaks)


def test_router_advertisement_on_a_bridge_makes_a_route_past_the_tunnel(
    suspects: Suspects, boxes: Boxes, bridges: dict[str, Bridge]
) -> None:
    with boxes.on(bridges[ADVERTISING]) as box:
        assert leaks_after_advertisement(suspects, box, expected=True)


def test_router_advertisement_makes_no_route_with_the_sysctl_of_the_release(
    suspects: Suspects, boxes: Boxes, bridges: dict[str, Bridge], release: tuple[int, ...]
) -> None:
    # Docker 28 sets the sysctls before it makes the devices, and refuses those of a device.
    sysctl = ACCEPT_RA.format("default" if release >= (28,) else "eth0")
    with boxes.on(bridges[ADVERTISING], "--sysctl", sysctl) as box:
        assert not leaks_after_advertisement(suspects, box, expected=False)


def test_router_advertisement_makes_no_route_on_a_bridge_without_ipv6(
    suspects: Suspects, boxes: Boxes, bridges: dict[str, Bridge]
) -> None:
    with boxes.on(bridges[ONLY_IPV4]) as box:
        assert not leaks_after_advertisement(suspects, box, expected=False)


def test_bridge_without_icc_stops_neighbours_but_in_ipv6_before_docker_27(
    suspects: Suspects,
    boxes: Boxes,
    further_bridges: dict[str, Bridge],
    release: tuple[int, ...],
) -> None:
    let_in = release < (27,)
    with boxes.on(further_bridges["a-apart"]) as box:
        with neighbour_of(box) as neighbour:
            ipv4, ipv6 = (answered(neighbour, address) for address in box.addresses)
        assert not ipv4
        assert ipv6 == let_in
        assert leaks_after_advertisement(suspects, box, expected=let_in) == let_in


# Networks that come and go


def test_bridge_is_open_once_the_tunnel_is_disconnected(
    suspects: Suspects, boxes: Boxes, bridges: dict[str, Bridge]
) -> None:
    with boxes.on(bridges[DUAL]) as box:
        assert not box.leaks()
        start = suspects.outside.mark()
        docker("network", "disconnect", box.tunnel, box.container.name)
        assert box.leaks(start)


def test_answers_stay_in_their_tunnels_with_a_full_and_a_split_one_and_a_bridge(
    suspects: Suspects, configurations: Configurations, bridges: dict[str, Bridge]
) -> None:
    full, split = "10.8.81.1", "10.8.81.2"
    everything = configurations.client("full", f"{full}/32", allowed_ips="0.0.0.0/0")
    part = configurations.client("split", f"{split}/32", allowed_ips="203.0.113.0/24")
    bridge = bridges[DUAL]
    with (
        network(everything) as net,
        network(part) as other,
        suspects.on(bridge.name, other) as suspect,
    ):
        # In this order: Docker 20.10 refuses a split tunnel after a full one.
        docker("network", "connect", net, suspect.container.name)
        # Each tunnel is up then.
        suspect.reaches([probe for probe in PROBES if probe.version == 4])
        start = suspects.outside.mark()
        for source, destination in ((TUNNEL_IPV4, full), (WEB_IPV4, split)):
            ping = ("busybox", "ping", "-c", "1", "-W", "5", "-I", source, destination)
            run("ip", "netns", "exec", NAMESPACE, *ping)
        assert not suspect.leaks(net, bridge, since=start)
        assert not suspect.leaks(other, bridge, since=start)
