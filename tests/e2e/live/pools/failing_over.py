"""Containers whose server is cut off, all at once: a tunnel takes a while to be taken for dead."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, docker
from tests.e2e.engine import remove, request
from tests.e2e.leaks.boundary import is_wireguard
from tests.e2e.leaks.capture import Capture, Frame
from tests.e2e.live.pools.conftest import status_of
from tests.e2e.pools.pooling import EVERYTHING, is_seen_as, pool_network, unused_addresses
from tests.e2e.provider import SECOND, TUNNEL_IPV4, TUNNEL_IPV6, WEB_IPV4, WEB_IPV6, Provider

LIVE = Path(__file__).parents[1]
PORT = "9000"
OTHER_DNS = "10.8.0.53"
MTU = 1300
# Nobody but the containers sends anything there, and they do it inside of tunnels.
INSIDE = {*map(ip_address, (WEB_IPV4, WEB_IPV6, TUNNEL_IPV4, TUNNEL_IPV6, OTHER_DNS))}
# A ping ends when it has no way out.
PING = f"while :; do ping {WEB_IPV4}; sleep 0.2; done >/dev/null 2>&1"
SENDING = f"sleep 600 | nc {WEB_IPV4} {PORT} >/numbers & {PING}"


@dataclass(frozen=True)
class Client:
    """A container on a network with a pool, and the IPv4 addresses of both configurations."""

    box: Container
    net: str
    first: str
    second: str

    def moved(self) -> bool:
        """Return whether the second server answers, at the address that it knows."""
        return is_seen_as(self.box, self.second, WEB_IPV4)

    def identity(self) -> tuple[str, str]:
        """Return what a container has until it is started anew: its process, and its device."""
        pid = self.box.pid()
        begun = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        device = self.box.run("cat", "/sys/class/net/wg0/ifindex")
        return f"{pid} since {begun}", device


@dataclass
class Clients:
    """All of them, by the names of their pools; see `clients()`."""

    configurations: Configurations
    second: Provider
    capture: Capture
    by_name: dict[str, Client] = field(default_factory=dict)
    before: dict[str, tuple[str, str]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    """The seconds from the cut to the answer of the second server."""
    cut: ExitStack = field(default_factory=ExitStack)

    def __getitem__(self, name: str) -> Client:
        return self.by_name[name]

    def seen_outside(self) -> list[Frame]:
        """Return what was seen on the host that should have been in a tunnel."""
        frames = self.capture.frames[: self.capture.mark()]
        return [frame for frame in frames if frame.ends and INSIDE & {*frame.ends}]

    def write(self, name: str, provider: Provider, *, ipv6: bool = True, lines: str = "") -> str:
        """Write a configuration for a server, and return its IPv4 address."""
        addresses = unused_addresses()[: 2 if ipv6 else 1]
        replace(self.configurations, provider=provider).client(
            name, *addresses, allowed_ips=EVERYTHING if ipv6 else "0.0.0.0/0", interface=lines
        )
        return addresses[0]


@contextmanager
def clients(
    configurations: Configurations, first: Provider, second: Provider, folder: Path
) -> Iterator[Clients]:
    """Containers that send all the time, whose first server has been cut off.

    By the names of their pools:

    - stay: it has a connection open, and a bridge beside the tunnel.
    - gone: the file of its first server was deleted.
    - ipv4: its second server has no IPv6.
    - never: its first server has never answered.
    - dead: its second server hasn't been there.
    - back: it came after the cut, and goes back when it can.
    """
    with ExitStack() as stack:
        capture = stack.enter_context(Capture(is_ignored=is_wireguard))
        found = Clients(configurations, second, capture)
        stack.enter_context(_services(first, second, folder))
        stack.enter_context(found.cut)
        enter = _Entering(stack, found, first)
        enter.container("stay", beside=("bridge",), command=SENDING, lines=f"DNS = {TUNNEL_IPV4}")
        enter.container("gone")
        enter.container("ipv4", ipv6=False)
        enter.container("dead", has_second=False)
        enter.container("never", answers=False)
        (configurations.folder / "gone-1.conf").unlink()
        found.before = {name: each.identity() for name, each in found.by_name.items()}
        begun = time.monotonic()
        found.cut.enter_context(first.cut_off())
        enter.container("back", options=("failback=3", "wait=8"), is_cut=True)
        for name in ("stay", "gone", "ipv4"):
            wait_until(found[name].moved, "the second server")
            found.took[name] = time.monotonic() - begun
        dead = found["dead"]
        wait_until(lambda: bool(status_of(dead.box, dead.net)["error"]), "the error")
        yield found


@dataclass(frozen=True)
class _Entering:
    stack: ExitStack
    found: Clients
    first: Provider

    def container(
        self,
        name: str,
        *,
        beside: tuple[str, ...] = (),
        command: str = PING,
        options: tuple[str, ...] = (),
        lines: str = "",
        ipv6: bool = True,
        has_second: bool = True,
        answers: bool = True,
        is_cut: bool = False,
    ) -> None:
        """Start a container on a pool of its own."""
        found = self.found
        own = found.write(f"{name}-1", self.first, lines=lines)
        if not answers:
            path = found.configurations.folder / f"{name}-1.conf"
            path.write_text(path.read_text().replace(":51820", ":9"))
        other = ""
        if has_second:
            lines = f"DNS = {OTHER_DNS}\nMTU = {MTU}" if lines else ""
            other = found.write(f"{name}-2", found.second, ipv6=ipv6, lines=lines)
        net = self.stack.enter_context(pool_network(f"{name}-*", *options, name=f"net-{name}"))
        box = self.stack.enter_context(_started(net, *beside, command=command))
        found.by_name[name] = Client(box, net, own, other)
        if answers and not is_cut:
            assert box.fetch(WEB_IPV4) == own


@contextmanager
def _started(*nets: str, command: str) -> Iterator[Container]:
    """A container that is on networks from its first instruction on."""
    first, *others = nets
    box = Container(f"container-{uuid4().hex[:8]}")
    try:
        create = ("create", "--name", box.name, "--network", first)
        docker(*create, IMAGE, "/busybox", "sh", "-c", f"PATH=/bin; {command}")
        for other in others:
            request("POST", f"/networks/{other}/connect", {"Container": box.name})
        request("POST", f"/containers/{box.name}/start")
        yield box
    finally:
        remove(box.name)


@contextmanager
def _services(first: Provider, second: Provider, folder: Path) -> Iterator[None]:
    """A stream of numbers from each server, and a DNS server of the second one's own."""
    second.site.run("ip", "address", "add", f"{OTHER_DNS}/32", "dev", "lo")
    stream = (sys.executable, str(LIVE / "stream.py"), WEB_IPV4, PORT)
    asked = folder / "asked"
    dns = (sys.executable, str(LIVE / "dns_server.py"), OTHER_DNS, WEB_IPV4, str(asked))
    commands = (
        first.site.command(*stream),
        second.site.command(*stream),
        second.site.command(*dns),
    )
    with ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        wait_until(asked.exists, "the DNS server")
        yield
    run("ip", "-n", SECOND.namespace, "address", "del", f"{OTHER_DNS}/32", "dev", "lo")
