"""Table 8, last part: throughput of a container behind a router, of a real Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attach import repetitions
from bench.containers import (
    IN_CONTAINER,
    ON_HOST,
    TRANSFER_SECONDS,
    TRANSFERS,
    Network,
    client,
    container,
    host_tunnel,
    image,
    installed,
    megabits,
    network,
    server,
)
from bench.table import Table, Target, compared, median_ratio
from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.provider import ENDPOINT, Provider

PLUGIN = "wireguard-bench:live"
OF_ROUTER = "10.8.0.4"
HOST, OWN, ROUTER = "on the host", "in the container", "behind a router"
TIMES_OWN, TIMES_HOST, AT_MOST = 0.95, 0.93, 2
CONFIGURATIONS = {"own": IN_CONTAINER, "shared": OF_ROUTER}
SHARED = Network.of("shared", PLUGIN, {"wireguard-config": "shared", "wireguard-mode": "shared"})


def measure_shared_transfer(effort: float) -> Table:
    """Measure throughput behind a router, in a container with a tunnel, and on the host."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        for context in (image(), live_edition(provider), host_tunnel(provider), server()):
            stack.enter_context(context)
        ways: dict[str, tuple[str, ...]] = {HOST: ("iperf3", "--bind", ON_HOST)}
        for name, kind in ((OWN, Network.ours("own", PLUGIN, "own")), (ROUTER, SHARED)):
            there = stack.enter_context(network(f"bench-{kind.name}", kind))
            pid = stack.enter_context(container(there, f"wireguard-bench-{kind.name}"))
            ways[name] = ("nsenter", "--net", "--target", pid, "iperf3")
        for way in ways.values():
            wait_until(partial(succeeds, *client(way, 1)), "the tunnel")
        samples: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repetitions(TRANSFERS, effort)):
            for name, way in ways.items():
                samples[name].append(megabits(json.loads(run(*client(way, TRANSFER_SECONDS)))))
    rows = compared(samples, HOST, "Mbit/s")
    times_own = median_ratio(compared(samples, OWN, "Mbit/s"), ROUTER)
    times_host = median_ratio(rows, ROUTER)
    return Table(
        title="8. Shared networks: iperf3",
        about=(
            f"{TRANSFER_SECONDS} seconds of TCP to one peer: from a container on a shared network, "
            "from one with a tunnel of its own (live edition), and by a tunnel that the host has."
        ),
        rows=rows,
        base=HOST,
        targets=(
            Target(f"{ROUTER}, × {OWN}", times_own, AT_MOST, TIMES_OWN),
            Target(f"{ROUTER}, × {HOST}", times_host, AT_MOST, TIMES_HOST),
        ),
    )


@contextmanager
def live_edition(provider: Provider) -> Iterator[None]:
    """Install the live edition, with a configuration for each network, until the block ends."""
    with TemporaryDirectory(prefix="bench-") as folder:
        for name, address in CONFIGURATIONS.items():
            private_key = run("wg", "genkey")
            provider.admit(run("wg", "pubkey", stdin=private_key), address)
            Path(folder, f"{name}.conf").write_text(
                f"[Interface]\nPrivateKey = {private_key}\nAddress = {address}/32\n"
                f"[Peer]\nPublicKey = {provider.public_key}\nEndpoint = {ENDPOINT}\n"
                "AllowedIPs = 10.8.0.0/16\n"
            )
        with installed(PLUGIN, "live", Path(folder)):
            yield
