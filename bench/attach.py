"""Tables 1 and 2: one container's attachment, compared with the bare kernel and the tools."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attachments import (
    ALLOWED_IPS,
    PEERS_LINK,
    PEERS_NET,
    Attachment,
    Subject,
    configuration,
    write_configurations,
)
from bench.client import Connection
from bench.floor import Floor
from bench.plugin import Root
from bench.stats import summarize
from bench.table import Row, Table, Target, compared, median_ratio

ROUNDS = 200
ALIVE = (1, 10, 100, 1000)
PEERS = (1, 16, 256)

FLOOR = "netlink alone"
TOOLS = "ip and wg"
TOOLS_DEVICE = "wgbenchtools"
FLOOR_DEVICE = "wgbenchfloor"
# The number of the endpoint that comes and goes while others are alive.
VISITOR = 60_000

Step = Callable[[], object]


def measure_attachment(root: Root, others: Sequence[Subject], effort: float) -> Table:
    """Measure table 1: attach and detach."""
    with peers_link(), ExitStack() as stack:
        write_configurations(root.configurations, {"bench": 1})
        subjects = [stack.enter_context(root.running()), *others]
        steps: dict[str, Step] = {FLOOR: floor_step(stack, 1)}
        for subject in subjects:
            steps[subject.name] = visit(stack, subject, "bench")
        steps[TOOLS] = tools_step(stack, 1)
        samples = rounds(steps, repetitions(ROUNDS, effort))
    rows = compared(samples, FLOOR)
    with_tools = compared(samples, TOOLS)
    name = subjects[0].name
    return Table(
        title="1. Attach and detach",
        about=(
            "CreateEndpoint, Join, Leave and DeleteEndpoint through the plugin's socket, for a "
            f"file with one peer of {ALLOWED_IPS} allowed IPs; the same netlink messages from a "
            "program that does nothing else; and `ip link add`, `wg setconf`, `ip link del`."
        ),
        rows=rows,
        base=FLOOR,
        targets=(
            Target("attach and detach, × netlink alone", median_ratio(rows, name), 1.3),
            Target("attach and detach, × the tools", median_ratio(with_tools, name), 0.5),
        ),
    )


def measure_growth(root: Root, others: Sequence[Subject], effort: float) -> Table:
    """Measure table 2, first half: with other endpoints alive."""
    count = repetitions(ROUNDS, effort)
    with peers_link(), ExitStack() as stack:
        names = {f"bench-{number}": 1 for number in range(max(ALIVE))}
        write_configurations(root.configurations, {**names, "bench": 1})
        process = stack.enter_context(root.running())
        subjects = [process, *others]
        crowds = [stack.enter_context(Crowd(subject)) for subject in subjects]
        visits = {subject.name: visit(stack, subject, "bench") for subject in subjects}
        steps: dict[str, Step] = {FLOOR: floor_step(stack, 1), **visits}
        taken: dict[str, dict[int, list[float]]] = {name: {} for name in steps}
        for alive in ALIVE:
            for crowd in crowds:
                crowd.grow(alive)
            for name, samples in rounds(steps, count).items():
                taken[name][alive] = samples
    rows = [
        Row(f"{name}, {alive} alive", "ms", summarize(samples))
        for name, by_alive in taken.items()
        for alive, samples in by_alive.items()
    ]
    ours = {alive: summarize(samples).median for alive, samples in taken[process.name].items()}
    return Table(
        title="2. With other endpoints alive",
        about="The same, while other endpoints are alive, whose devices are all on the host.",
        rows=tuple(rows),
        targets=(
            Target(
                f"with {max(ALIVE)} endpoints alive, × with {min(ALIVE)}",
                ours[max(ALIVE)] / ours[min(ALIVE)],
                1.1,
            ),
        ),
    )


def measure_peers(root: Root, others: Sequence[Subject], effort: float) -> Table:
    """Measure table 2, second half: with more peers."""
    rows: list[Row] = []
    for peers in PEERS:
        with peers_link(), ExitStack() as stack:
            write_configurations(root.configurations, {"bench": peers})
            steps: dict[str, Step] = {FLOOR: floor_step(stack, peers)}
            for subject in (stack.enter_context(root.running()), *others):
                steps[subject.name] = visit(stack, subject, "bench")
            samples = rounds(steps, repetitions(ROUNDS // 4, effort))
        rows += [
            Row(f"{row.name}, {peers} peers", row.unit, row.values, row.ratio)
            for row in compared(samples, FLOOR)
        ]
    return Table(
        title="2. With more peers",
        about=f"The same, with more peers in the file, of {ALLOWED_IPS} allowed IPs each.",
        rows=tuple(rows),
        base=FLOOR,
    )


def rounds(steps: dict[str, Step], count: int) -> dict[str, list[float]]:
    """Return the milliseconds of each step in each round, after one round that isn't counted."""
    for step in steps.values():
        step()
    samples: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(count):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            samples[name].append(1000 * (time.perf_counter() - started))
    return samples


def repetitions(count: int, effort: float) -> int:
    """Return the number of repetitions, which is `count` at full effort."""
    return max(round(count * effort), 1)


class Crowd:
    """Endpoints that stay until the block ends, each on a network of its own."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._connection = Connection(subject.socket)
        self._members: list[Attachment] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.detach(self._connection)
            self._connection.call(member.delete_network)
        self._connection.socket.close()

    def grow(self, count: int) -> None:
        """Add endpoints until there are `count`."""
        for number in range(len(self._members), count):
            member = Attachment.of(self._subject, f"bench-{number}", number)
            self._connection.call(member.create_network)
            member.attach(self._connection)
            self._members.append(member)


def visit(stack: ExitStack, subject: Subject, name: str) -> Step:
    """Return a step that attaches and detaches a configuration; its network stays to the end."""
    connection = stack.enter_context(Connection(subject.socket))
    attachment = Attachment.of(subject, name, VISITOR)
    connection.call(attachment.create_network)
    stack.callback(connection.call, attachment.delete_network)

    def step() -> None:
        attachment.attach(connection)
        attachment.detach(connection)

    return step


def floor_step(stack: ExitStack, peers: int) -> Step:
    """Return a step that does the same by bare netlink messages."""
    floor = stack.enter_context(Floor(FLOOR_DEVICE, peers))

    def step() -> None:
        floor.attach()
        floor.detach()

    return step


def tools_step(stack: ExitStack, peers: int) -> Step:
    """Return a step that does the same by the command-line tools."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
    file = folder / "bench.conf"
    file.write_text(configuration("bench", peers))
    commands = (
        ("ip", "link", "add", TOOLS_DEVICE, "mtu", "1420", "type", "wireguard"),
        ("wg", "setconf", TOOLS_DEVICE, str(file)),
        ("ip", "link", "del", TOOLS_DEVICE),
    )

    def step() -> None:
        for command in commands:
            subprocess.run(command, check=True)

    return step


@contextmanager
def peers_link() -> Iterator[None]:
    """Make a link on which the peers' hosts seem to be, until the block ends."""
    subprocess.run(["ip", "link", "add", PEERS_LINK, "type", "veth"], check=True)
    try:
        subprocess.run(["ip", "address", "add", PEERS_NET, "dev", PEERS_LINK], check=True)
        subprocess.run(["ip", "link", "set", PEERS_LINK, "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", PEERS_LINK], check=True)
