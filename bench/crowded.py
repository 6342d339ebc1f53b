"""Table 3: many containers that start at the same moment."""

from __future__ import annotations

import selectors
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.attach import peers_link, repetitions
from bench.attachments import Attachment, Subject, write_configurations
from bench.client import Connection
from bench.plugin import Root
from bench.stats import percentile, summarize
from bench.table import Row, Table, Target

AT_ONCE = 64
ROUNDS = 20
STALLS = Path(__file__).with_name("stalls.py")


def measure_crowded(root: Root, others: Sequence[Subject], effort: float) -> Table:
    """Measure table 3: many attachments at the same moment."""
    write_configurations(root.configurations, {f"bench-{n}": 1 for n in range(AT_ONCE)})
    shutil.copy(STALLS, root.path)
    rows: list[Row] = []
    targets: list[Target] = []
    count = repetitions(ROUNDS, effort)
    with peers_link(), root.running(f"/{STALLS.name}") as process:
        for subject in (process, *others):
            started = time.monotonic()
            rates, waits = _many(subject, count)
            rows += [
                Row(f"{subject.name}: attaches in a second", "/s", summarize(rates)),
                Row(f"{subject.name}: one attach", "ms", summarize(waits)),
                Row(f"{subject.name}: 99th percentile", "ms", summarize([percentile(waits, 99)])),
            ]
            if subject is process:
                longest = _longest_stall(root.path / "stalls", started)
                rows.append(Row("its longest event-loop stall", "ms", summarize([longest])))
                targets.append(Target("the longest event-loop stall, ms", longest, 10))
    return Table(
        title=f"3. {AT_ONCE} at once",
        about=(
            f"{AT_ONCE} connections on which CreateEndpoint and Join are called at the same time. "
            "A stall is the time that one callback holds the plugin's event loop."
        ),
        rows=tuple(rows),
        targets=tuple(targets),
    )


def _many(subject: Subject, count: int) -> tuple[list[float], list[float]]:
    """Return the attaches per second of each round, and the milliseconds of each attach."""
    rates: list[float] = []
    waits: list[float] = []
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(subject.socket)) for _ in range(AT_ONCE)]
        attachments = [Attachment.of(subject, f"bench-{n}", n) for n in range(AT_ONCE)]
        for attachment in attachments:
            connections[0].call(attachment.create_network)
            stack.callback(connections[0].call, attachment.delete_network)
        for _ in range(count):
            started = time.perf_counter()
            ended = _attach_all(connections, attachments)
            rates.append(AT_ONCE / (max(ended) - started))
            waits += [1000 * (end - started) for end in ended]
            for attachment in attachments:
                attachment.detach(connections[0])
    return rates, waits


def _attach_all(
    connections: Sequence[Connection], attachments: Sequence[Attachment]
) -> list[float]:
    """Attach all at once; return the time at which each was done."""
    ended: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection, attachment in zip(connections, attachments, strict=True):
            selector.register(connection.socket, selectors.EVENT_READ, (connection, attachment))
            connection.socket.sendall(attachment.create_endpoint)
        joining: set[Connection] = set()
        while len(ended) < len(connections):
            for key, _ in selector.select():
                connection, attachment = key.data
                connection.answer()
                if connection in joining:
                    ended.append(time.perf_counter())
                else:
                    joining.add(connection)
                    connection.socket.sendall(attachment.join)
    return ended


def _longest_stall(file: Path, since: float) -> float:
    stalls = [tuple(map(float, line.split())) for line in file.read_text().splitlines()]
    return max((1000 * took for when, took in stalls if when >= since), default=0)
