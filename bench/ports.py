"""Table 9: published ports of a real Docker, compared with those of its bridge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.attach import repetitions
from bench.containers import (
    BRIDGE,
    TRANSFER_SECONDS,
    TRANSFERS,
    Network,
    container,
    image,
    megabits,
    network,
)
from bench.shared_transfer import OWN, PLUGIN, ROUTER, SHARED, live_edition
from bench.table import Table, Target, compared, median_ratio
from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.provider import NAMESPACE, Provider

HOST = "198.51.100.1"
"""The host, as the provider knows it, where the client is."""
KINDS = {BRIDGE.name: BRIDGE, OWN: Network.ours("own", PLUGIN, "own"), ROUTER: SHARED}
PORTS = {name: str(5301 + number) for number, name in enumerate(KINDS)}
PORT = "5201"
REQUESTS = (sys.executable, str(Path(__file__).with_name("requests.py")))
AT_LEAST, AT_MOST = 0.9, 10


@dataclass(frozen=True)
class Service:
    """What a container serves, and what a client does with it.

    ``server`` and ``client`` are commands, without a port and a host. ``read`` returns the value
    that the client's output tells, whose unit is ``unit``.
    """

    name: str
    about: str
    server: tuple[str, ...]
    client: tuple[str, ...]
    read: Callable[[str], float]
    unit: str

    def ask(self, port: str) -> tuple[str, ...]:
        """Return the client's command for a port of the host."""
        return ("ip", "netns", "exec", NAMESPACE, *self.client, HOST, "--port", port)


PAGES = Service(
    "requests",
    f"Requests, one after the other for {TRANSFER_SECONDS} s, each by a TCP connection of its own",
    (*REQUESTS, "--server"),
    (*REQUESTS, "--client"),
    float,
    "/s",
)
TRANSFER = Service(
    "iperf3",
    f"{TRANSFER_SECONDS} seconds of TCP",
    ("iperf3", "--server"),
    ("iperf3", "--json", "--time", str(TRANSFER_SECONDS), "--client"),
    lambda report: megabits(json.loads(report)),
    "Mbit/s",
)


def measure_ports(service: Service, effort: float) -> Table:
    """Measure a service by published ports: of the bridge, a tunnel of its own, and a router."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        for context in (image(), live_edition(provider)):
            stack.enter_context(context)
        for name, kind in KINDS.items():
            there = stack.enter_context(network(f"bench-{kind.name}", kind))
            publish = ("--publish", f"{PORTS[name]}:{PORT}")
            pid = stack.enter_context(container(there, f"wireguard-bench-{kind.name}", *publish))
            stack.enter_context(_served(pid, service))
        ways = {name: service.ask(port) for name, port in PORTS.items()}
        for way in ways.values():
            wait_until(partial(succeeds, *way), "the published port")
        samples: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repetitions(TRANSFERS, effort)):
            for name, way in ways.items():
                samples[name].append(service.read(run(*way)))
    rows = compared(samples, BRIDGE.name, service.unit)
    return Table(
        title=f"9. Published ports: {service.name}",
        about=(
            f"{service.about}, from a client outside the host to a port that it publishes for a "
            "container: on Docker's bridge, with a tunnel of its own, and on a shared network."
        ),
        rows=rows,
        base=BRIDGE.name,
        targets=tuple(
            Target(
                f"{service.name} {name}, × {BRIDGE.name}",
                median_ratio(rows, name),
                AT_MOST,
                AT_LEAST,
            )
            for name in (OWN, ROUTER)
        ),
    )


@contextmanager
def _served(pid: str, service: Service) -> Iterator[None]:
    """Run a server in a container's network, until the block ends."""
    command = ("nsenter", "--net", "--target", pid, *service.server, "--port", PORT)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()
