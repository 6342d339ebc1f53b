"""Table 7, third part: containers of a real Docker, on both editions and on a bridge."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attach import Step, peers_link, repetitions, rounds
from bench.attachments import key, peer_host
from bench.containers import BRIDGE, IMAGE, Network, docker_run, image, installed, network
from bench.stats import ratios, summarize
from bench.table import Row, Table, Target, compared, median_ratio
from tests.e2e.commands import CommandError, run

PLUGINS = {"base": "wireguard-bench:base", "live": "wireguard-bench:live"}
RUNS = 30
RUN_AT_MOST = 1.05
FEW_ROUTES = 16
ROUTES = (5000, 15_000)
ROUTES_RUNS = 5
ROUTES_AT_MOST = 1.5
FIRST_PREFIX = IPv4Address("10.64.0.0")


def measure_live_runs(effort: float) -> Table:
    """Measure docker run on each edition, and on a bridge."""
    with _networks(FEW_ROUTES) as names, network("bench-bridge", BRIDGE) as bridge:
        steps = {name: docker_run(where) for name, where in {BRIDGE.name: bridge, **names}.items()}
        samples = rounds(steps, repetitions(RUNS, effort))
    rows = compared(samples, BRIDGE.name)
    return Table(
        title="7. Live: docker run",
        about="`docker run --rm` of a program that ends at once, on a bridge and on both editions.",
        rows=rows,
        base=BRIDGE.name,
        targets=(Target("live, × bridge", median_ratio(rows, "live"), RUN_AT_MOST),),
    )


def measure_routes(effort: float) -> Table:
    """Measure docker run with thousands of allowed IPs, and count the routes that it finds."""
    rows: list[Row] = []
    targets: list[Target] = []
    for count in ROUTES:
        with _networks(count) as names:
            attempts = {edition: Attempts(docker_run(name)) for edition, name in names.items()}
            steps: dict[str, Step] = {edition: each.run for edition, each in attempts.items()}
            samples = rounds(steps, repetitions(ROUTES_RUNS, effort))
            found = {edition: _routes(name) for edition, name in names.items()}
        for edition, taken in samples.items():
            ratio = ratios(taken, samples["base"])
            name = f"{edition}, {count} allowed IPs"
            there = f"{name}: at the first instruction"
            rows.append(Row(name, "ms", summarize(taken), ratio))
            refused = attempts[edition].refused
            rows.append(Row(f"{name}: refused", "runs", summarize([refused])))
            rows.append(Row(there, "routes", summarize([found[edition]])))
            if edition == "live":
                targets.append(Target(f"{name}, × base", ratio.median, ROUTES_AT_MOST))
                targets.append(Target(f"{name}: refused, runs", refused, 0))
                targets.append(Target(f"{there}, routes", found[edition], count, at_least=count))
    return Table(
        title="7. Live: many routes",
        about=(
            "`docker run --rm` on a network whose file has one peer of that many allowed IPs; and "
            "the number of their routes that the container's first instruction finds. A run that "
            "is refused counts as the time until then, and finds none."
        ),
        rows=tuple(rows),
        base="base",
        targets=tuple(targets),
    )


class Attempts:
    """A step that may be refused, and how often it was."""

    def __init__(self, step: Step) -> None:
        self.refused = 0
        self._step = step

    def run(self) -> None:
        """Run the step, and count a refusal."""
        try:
            self._step()
        except CommandError:
            self.refused += 1


@contextmanager
def _networks(allowed_ips: int) -> Iterator[dict[str, str]]:
    """Install both editions; yield the name of each one's network, by its edition."""
    with peers_link(), image(), TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        Path(folder, "bench.conf").write_text(with_allowed_ips(allowed_ips))
        names: dict[str, str] = {}
        for edition, plugin in PLUGINS.items():
            stack.enter_context(installed(plugin, edition, Path(folder)))
            kind = Network.ours(edition, plugin, "bench")
            names[edition] = stack.enter_context(network(f"bench-{edition}", kind))
        yield names


def prefixes(count: int) -> list[str]:
    """Return that many addresses, none next to another: no two can be one prefix."""
    return [f"{FIRST_PREFIX + 2 * number}" for number in range(count)]


def with_allowed_ips(count: int) -> str:
    """Return a configuration file with an address and one peer of that many allowed IPs."""
    return (
        f"[Interface]\nPrivateKey = {b64encode(key('bench')).decode()}\nAddress = 10.8.0.2/32\n"
        f"[Peer]\nPublicKey = {b64encode(key('peer')).decode()}\n"
        f"Endpoint = {peer_host(0)}:51820\nAllowedIPs = {', '.join(prefixes(count))}\n"
    )


def _routes(name: str) -> int:
    """Return the number of routes to the prefixes that a container's first instruction finds."""
    command = ("/busybox", "ip", "route", "show", "table", "all")
    try:
        shown = run("docker", "run", "--rm", "--network", name, IMAGE, *command)
    except CommandError:
        return 0
    wanted = set(prefixes(max(ROUTES)))
    return len({line.split()[0] for line in shown.splitlines()} & wanted)
