"""Containers on tunnels and bridges, and what is seen of them on the host."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, docker, network
from tests.e2e.engine import remove, request
from tests.e2e.leaks.boundary import ENDPOINT, PROBES, Boundary, Network, networks
from tests.e2e.leaks.capture import Address, Capture
from tests.e2e.leaks.probing import PRELUDE, Bridge
from tests.e2e.live.leaks.sender import PROGRESS
from tests.e2e.provider import TUNNEL_IPV4

PYTHON = Path(sys.executable).resolve()
TESTS = Path(__file__).parents[3]
PROGRAMS = "tests.e2e.live.leaks"
PROGRAM = f"{PYTHON} -B -S -m {PROGRAMS}"
ROUNDS = 2
EVERYTHING = "0.0.0.0/0, ::/0"
# Inside a full tunnel, where nobody else sends anything.
OUTSIDE = (
    "10.255.78.78",
    "100.127.78.78",
    "192.168.78.78",
    "203.0.113.78",
    "2001:db8:dead::78",
    "fdff:dead:78::78",
)
# Of shared networks, where no tunnel's routes are in the way of Docker before 28; each has its own.
SUBNETS = ("100.65.{}.0/24", "2001:db8:65:{}::/64")
NUMBERS = count(1)
ROUTERS = Path("/run/docker/wgplugin")
# What busybox does before Python is up, and then all that a program can do, without end.
WORST = (
    PRELUDE.format(PROBES[0], PROBES[-1], marker="MARKER")
    + f"export PYTHONPATH=/checkout; exec {PROGRAM}.worst MARKER {' '.join(OUTSIDE)} {ENDPOINT}"
)


@dataclass(frozen=True)
class Tunnel:
    """A network, its configuration, and the addresses by which peers know its container.

    A shared network has ``subnets``, where Docker assigns addresses.
    """

    net: str
    configuration: str
    addresses: tuple[str, ...]
    subnets: tuple[Network, ...] = ()

    def router(self, *command: str) -> str:
        """Run a program of the host in a shared network's router, and return its output."""
        return run("nsenter", f"--net={ROUTERS / self.network_id()}", *command)

    def network_id(self) -> str:
        return docker("network", "inspect", "--format", "{{.Id}}", self.net)


@dataclass(frozen=True)
class Seen:
    """What a program of a container was seen to send.

    ``leaks``: see Boundary.leaks(). ``reached``: where its marker went in clear, leaks or not.
    """

    leaks: Counter[str]
    reached: frozenset[Address]


@dataclass(frozen=True)
class Box(Container):
    """A container with the host's Python and the programs of this folder."""

    name: str
    marker: str
    boundary: Boundary
    outside: Capture
    progress: Path

    def program(self, name: str, *arguments: str) -> str:
        """Run a program of this folder to its end, and return its output."""
        return docker(*self._exec(name, *arguments))

    def begin(self, name: str, *arguments: str) -> Popen[str]:
        """Start a program of this folder, with its input and output here."""
        command = ("docker", *self._exec(name, *arguments, option="-i"))
        return Popen(command, stdin=PIPE, stdout=PIPE, text=True)

    def send(self, way: str, *addresses: str) -> Seen:
        """Send to addresses; see sender.py."""
        start = self.outside.mark()
        self.program("sender", way, self.marker, str(ROUNDS), *addresses)
        return self.seen(start)

    def ask(self) -> Seen:
        """Ask Docker's resolver for names; see asker.py."""
        start = self.outside.mark()
        self.program("asker", self.marker)
        return self.seen(start)

    def send_on(self, way: str, *addresses: str) -> None:
        """Begin to send, for as long as the container lasts."""
        docker(*self._exec("sender", way, self.marker, "0", *addresses, option="--detach"))
        wait_until(lambda: self.rounds() > 0, "the sender")

    def rounds(self) -> int:
        """Return the number of rounds that are done of what never ends, over restarts, too."""
        return self.progress.stat().st_size

    def more_rounds(self, number: int = ROUNDS) -> None:
        # The round that is going on may have begun before.
        end = self.rounds() + 1 + number
        wait_until(lambda: self.rounds() >= end, "more rounds of the sender")

    def goes_on(self, start: int) -> Counter[str]:
        """Wait for more of what never ends; return what has leaked since a mark of the capture."""
        self.more_rounds(1)
        return self.seen(start).leaks

    def seen(self, start: int) -> Seen:
        """Return what has been seen since a mark of the capture."""
        frames = self.outside.frames[start : self.outside.mark()]
        marker = self.marker.encode()
        reached = (frame.ends[1] for frame in frames if frame.ends and marker in frame.packet)
        return Seen(self.boundary.leaks(frames), frozenset(reached))

    def mac(self, on: Bridge | Tunnel) -> str:
        """Return the MAC address of its device on a network."""
        return str(self._on(on)["MacAddress"])

    def address(self, on: Bridge | Tunnel, version: int) -> str:
        """Return its address on a network."""
        return str(self._on(on)["IPAddress" if version == 4 else "GlobalIPv6Address"])

    def addresses(self, tunnel: Tunnel) -> tuple[str, ...]:
        """Return its own addresses in a tunnel; peers of a shared network don't know them."""
        if not tunnel.subnets:
            return tunnel.addresses
        return tuple(self.address(tunnel, subnet.version) for subnet in tunnel.subnets)

    def _on(self, on: Bridge | Tunnel) -> Any:
        return self.inspect()["NetworkSettings"]["Networks"][name_of(on)]

    def _exec(self, name: str, *arguments: str, option: str = "") -> tuple[str, ...]:
        options = (option,) if option else ()
        environment = ("--env", "PYTHONPATH=/checkout")
        program = f"{PROGRAM}.{name}".split()
        return ("exec", *options, *environment, self.name, *program, *arguments)


@dataclass(frozen=True)
class Scene:
    """What makes tunnels and containers, and captures; ``driver`` is the plugin.

    ``shared``: tunnels are those of shared networks, unless they are said not to be.
    """

    configurations: Configurations
    driver: str
    outside: Capture
    bridge: Bridge
    third: Bridge
    shared: bool = False

    @contextmanager
    def tunnel(
        self,
        name: str,
        *addresses: str,
        allowed_ips: str = EVERYTHING,
        dns: str = TUNNEL_IPV4,
        options: tuple[str, ...] = (),
        ports: tuple[str, ...] = (),
        shared: bool | None = None,
        pool: str = "",
    ) -> Iterator[Tunnel]:
        """A tunnel's network; ``dns`` is the file's DNS, empty for none.

        The network's ``pool`` has this configuration and others, which have been written.
        Peers reach a container on all ports, but in a shared network only its first container on
        these ``ports``.
        """
        interface = f"DNS = {dns}" if dns else ""
        self.configurations.client(name, *addresses, allowed_ips=allowed_ips, interface=interface)
        shared = self.shared if shared is None else shared
        subnets = _subnets() if shared else ()
        kind = _shared(subnets, ports) if shared else ("--ipam-driver", "null")
        opt = [word for option in options for word in ("--opt", option)]
        with network(pool or name, *kind, *opt, driver=self.driver, name=f"net-{name}") as net:
            own = tuple(address.partition("/")[0] for address in addresses)
            yield Tunnel(net, name, own, subnets)

    @contextmanager
    def box(
        self,
        *on: Tunnel | Bridge,
        beside: tuple[Tunnel | Bridge, ...] = (),
        options: tuple[str, ...] = (),
        command: str = "sleep 600",
    ) -> Iterator[Box]:
        """A container on networks from its first instruction on.

        ``beside`` are networks that it will be on later.
        """
        marker = f"leak-{uuid4().hex[:12]}"
        name = f"container-{marker}"
        tunnels = [each for each in (*on, *beside) if isinstance(each, Tunnel)]
        bridges = [each for each in (*on, *beside) if isinstance(each, Bridge)]
        boundary = Boundary(
            marker=marker.encode(),
            tunnel=frozenset(ip_address(text) for each in tunnels for text in each.addresses),
            host_interfaces=self.outside.interfaces_before,
            subnets=tuple(subnet for each in bridges for subnet in each.subnets),
            shared=tuple(subnet for each in tunnels for subnet in each.subnets),
        )
        first, *others = map(name_of, on)
        command = command.replace("MARKER", marker)
        start = (IMAGE, "/busybox", "sh", "-c", f"PATH=/bin; {command}")
        with TemporaryDirectory() as folder:
            progress = Path(folder, "progress")
            progress.touch()
            mounts = (*python_mounts(), "--volume", f"{progress}:{PROGRESS}")
            try:
                docker("create", "--name", name, "--network", first, *mounts, *options, *start)
                for other in others:
                    docker("network", "connect", other, name)
                docker("start", name)
                yield Box(name, marker, boundary, self.outside, progress)
            finally:
                remove(name)


def name_of(on: Bridge | Tunnel) -> str:
    """Return the name of a network, by which Docker knows it."""
    return on.net if isinstance(on, Tunnel) else on.name


def _subnets() -> tuple[Network, ...]:
    number = next(NUMBERS)
    return networks(*(subnet.format(number) for subnet in SUBNETS))


def _shared(subnets: tuple[Network, ...], ports: tuple[str, ...]) -> Iterator[str]:
    """Yield the options of a shared network; Docker assigns a subnet's second address first."""
    yield from ("--opt", "wireguard-mode=shared", "--ipv6")
    for subnet in subnets:
        yield from ("--subnet", str(subnet))
    if ports:
        shown = (f"[{net[2]}]" if net.version == 6 else str(net[2]) for net in subnets)
        forwards = [f"{port}:{address}:{port}" for address in shown for port in ports]
        yield from ("--opt", f"wireguard-forward={','.join(forwards)}")


@contextmanager
def full_tunnel_and_bridge(scene: Scene, name: str) -> Iterator[tuple[Tunnel, Box]]:
    """A container on a bridge and a tunnel for everything, of both families."""
    addresses = ("10.8.110.1/32", "fd08:110::1/128")
    with (
        scene.tunnel(name, *addresses) as tunnel,
        scene.box(scene.bridge, tunnel) as box,
    ):
        yield tunnel, box


@contextmanager
def bridge(name: str, *subnets: str) -> Iterator[Bridge]:
    """A network with both families."""
    options = [option for subnet in subnets for option in ("--subnet", subnet)]
    docker("network", "create", "--ipv6", *options, name)
    try:
        yield Bridge(name, networks(*subnets))
    finally:
        request("DELETE", f"/networks/{name}")


def gateways(of: Bridge) -> tuple[str, ...]:
    """Return the host's addresses on a bridge."""
    return tuple(str(subnet[1]) for subnet in of.subnets)


def device_of(of: Bridge) -> str:
    """Return the host's device of a bridge."""
    return f"br-{docker('network', 'inspect', '--format', '{{.Id}}', of.name)[:12]}"


@contextmanager
def answered_for(of: Bridge) -> Iterator[None]:
    """On a bridge, the host answers ARP and neighbour solicitations for the world."""
    device = device_of(of)
    proxied = [address for address in OUTSIDE if ":" in address]
    _set(f"ipv4/neigh/{device}/proxy_delay", "0")
    _set(f"ipv4/conf/{device}/proxy_arp", "1")
    _set(f"ipv6/conf/{device}/proxy_ndp", "1")
    for address in proxied:
        run("ip", "neighbour", "add", "proxy", address, "dev", device)
    try:
        yield
    finally:
        for address in proxied:
            run("ip", "neighbour", "del", "proxy", address, "dev", device)
        _set(f"ipv4/conf/{device}/proxy_arp", "0")
        _set(f"ipv6/conf/{device}/proxy_ndp", "0")


def _set(setting: str, value: str) -> None:
    Path("/proc/sys/net", setting).write_text(value)


def python_mounts() -> Iterator[str]:
    """Yield options that give the container the host's Python and the tests, to be read only."""
    folders = {Path(text) for text in ("/usr", "/lib", "/lib64", sys.base_prefix)}
    for folder in sorted(folder for folder in folders if folder.exists()):
        yield from ("--volume", f"{folder}:{folder}:ro")
    yield from ("--volume", f"{TESTS}:/checkout/tests:ro")
