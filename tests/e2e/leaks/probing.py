"""Containers that do their worst, and what is seen of them meanwhile."""

import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from tests.e2e.commands import wait_until
from tests.e2e.docker import IMAGE, Container, docker
from tests.e2e.engine import remove
from tests.e2e.leaks.boundary import BYPASSED, ENDPOINT, PROBES, Boundary, Network
from tests.e2e.leaks.capture import Address, Capture
from tests.e2e.provider import TUNNEL_IPV4, TUNNEL_IPV6

PROBER = Path(__file__).with_name("prober.py")
PYTHON = Path(sys.executable).resolve()
IN_TUNNEL_DNS = ("--dns", TUNNEL_IPV4)
# What the busybox of the image does before Python is up.
PRELUDE = (
    "ping -q {0} & ping -q {1} & echo {marker} | nc -u -w 9 {0} 9 & nslookup {marker}.example & "
)
TARGETS = (*map(str, (*PROBES, BYPASSED, ENDPOINT)), TUNNEL_IPV4, TUNNEL_IPV6)
ROUNDS = 2


@dataclass(frozen=True)
class Bridge:
    """An ordinary network."""

    name: str
    subnets: tuple[Network, ...]


@dataclass(frozen=True)
class Suspect:
    """A container that does its worst, and what captures see of it, in the host's namespace and
    behind the tunnel.

    ``since`` is where the host's capture was when it started.
    """

    container: Container
    marker: str
    progress: Path
    outside: Capture
    behind: Capture
    since: int

    def rounds(self) -> None:
        """Wait until it has done its worst, all of it, some times more."""
        # The round that is going on may have begun before.
        end = self._done() + 1 + ROUNDS
        wait_until(lambda: self._done() >= end, "the prober")

    def _done(self) -> int:
        return int(self.progress.read_text() or 0)

    def addresses(self, network: str) -> frozenset[Address]:
        """Return its addresses on a network; none if it isn't on it."""
        endpoint = self.container.inspect()["NetworkSettings"]["Networks"].get(network, {})
        texts = (endpoint.get("IPAddress"), endpoint.get("GlobalIPv6Address"))
        return frozenset(ip_address(text) for text in texts if text)

    def leaks(
        self,
        network: str,
        *bridges: Bridge,
        bypass: tuple[Network, ...] = (),
        since: int | None = None,
    ) -> Counter[str]:
        """Let it do its worst some more; return what has leaked, as Boundary.leaks() does.

        Its tunnel is on ``network``; its other networks are ``bridges``. What counts is all since
        its start, or since a mark of the host's capture.
        """
        boundary = Boundary(
            marker=self.marker.encode(),
            tunnel=self.addresses(network),
            host_interfaces=self.outside.interfaces_before,
            subnets=tuple(subnet for bridge in bridges for subnet in bridge.subnets),
            bypass=bypass,
        )
        self.rounds()
        end = self.outside.mark()
        return boundary.leaks(self.outside.frames[self.since if since is None else since : end])

    def reaches(self, addresses: Collection[Address]) -> None:
        """Wait until all addresses have been probed through the tunnel."""
        start = len(self.behind.frames)

        def probed() -> set[Address]:
            return {
                frame.ends[1]
                for frame in self.behind.frames[start:]
                if frame.ends and self.marker.encode() in frame.packet
            }

        wait_until(lambda: probed() >= set(addresses), "the probes in the tunnel")


@dataclass(frozen=True)
class Suspects:
    """What starts them."""

    outside: Capture
    behind: Capture

    @contextmanager
    def on(self, *networks: str, options: tuple[str, ...] = IN_TUNNEL_DNS) -> Iterator[Suspect]:
        """A container that is on networks from its first instruction on, and does its worst."""
        marker = f"leak-{uuid4().hex[:12]}"
        name = f"container-{marker}"
        with TemporaryDirectory() as folder:
            progress = Path(folder, "progress")
            progress.touch()
            try:
                first, *others = networks
                create = ("docker", "create", "--name", name, "--network", first)
                docker(*create[1:], *options, *_mounts(progress), IMAGE, *_command(marker))
                for network in others:
                    docker("network", "connect", network, name)
                since = self.outside.mark()
                docker("start", name)
                yield Suspect(Container(name), marker, progress, self.outside, self.behind, since)
            finally:
                remove(name)


def _mounts(progress: Path) -> Iterator[str]:
    """Yield options that give the container the host's Python, to be read only, and the prober."""
    folders = {Path(text) for text in ("/usr", "/lib", "/lib64", sys.base_prefix)}
    for folder in sorted(folder for folder in folders if folder.exists()):
        yield from ("--volume", f"{folder}:{folder}:ro")
    yield from ("--volume", f"{PROBER}:/prober.py:ro", "--volume", f"{progress}:/progress")


def _command(marker: str) -> tuple[str, ...]:
    prelude = PRELUDE.format(PROBES[0], PROBES[-1], marker=marker)
    prober = f"exec {PYTHON} -I -S /prober.py {marker} /progress {' '.join(TARGETS)}"
    return ("/busybox", "sh", "-c", f"PATH=/bin; {prelude} {prober}")
