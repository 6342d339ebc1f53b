"""Table 7, second part: one container's calls, in the live edition and in the base edition."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import fmean
from typing import Any

from bench import live
from bench.attach import VISITOR, peers_link, repetitions
from bench.attachments import Attachment, write_configurations
from bench.live import Host
from bench.plugin import Root
from bench.stats import summarize
from bench.table import Row, Table, Target

EDITIONS = ("base", "live")
ALIVE = (1, 200)
ROUNDS = 30
AT_MOST = 2.5


def measure_join(root: Root, effort: float) -> Table:
    """Measure the calls of one container's start and end, in both editions."""
    rows: list[Row] = []
    calls: dict[tuple[str, int], float] = {}
    for edition in EDITIONS:
        with peers_link(), live.running(root, edition, max(ALIVE)) as host:
            visitor = _visitor(root, host)
            for alive in ALIVE:
                host.grow(alive)
                visit(host, visitor)
                visits = [visit(host, visitor) for _ in range(repetitions(ROUNDS, effort))]
                taken = summarize([calling for calling, _ in visits])
                # The lab's kernel counts processor time in steps of 10 ms.
                used = summarize([fmean(using for _, using in visits)])
                rows.append(Row(f"calls, {edition}, {alive} alive", "ms", taken))
                rows.append(Row(f"processor, {edition}, {alive} alive", "ms", used))
                calls[edition, alive] = taken.median
    return Table(
        title="7. Live: join",
        about=(
            "The time in CreateEndpoint, Join, EndpointOperInfo, Leave and DeleteEndpoint of one "
            "container, whose namespace is new each time; and the processor time of the plugin's "
            "process from the first call to the last. What Docker does between the calls, moving "
            "the device in and out, isn't in the time of the calls."
        ),
        rows=tuple(rows),
        targets=tuple(
            Target(
                f"calls, live, × base, {alive} alive",
                calls["live", alive] / calls["base", alive],
                AT_MOST,
            )
            for alive in ALIVE
        ),
    )


def _visitor(root: Root, host: Host) -> Attachment:
    """Return the container that comes and goes, on a network that stays."""
    write_configurations(root.configurations, {"bench": 1})
    visitor = Attachment.of(host.process, "bench", VISITOR)
    host.connection.call(visitor.create_network)
    return visitor


def visit(host: Host, visitor: Attachment) -> tuple[float, float]:
    """Start and end a container; return the calls' and the processor's milliseconds."""
    sandbox, call = host.sandbox(visitor), host.connection.call
    with sandbox.made():
        used = host.process.cpu()
        device, attaching = _timed(visitor.attach, host.connection)
        sandbox.move_in(device)
        _, waiting = _timed(call, visitor.details)
        _, leaving = _timed(call, visitor.leave)
        sandbox.move_out(device)
        _, deleting = _timed(call, visitor.delete_endpoint)
        used = host.process.cpu() - used
    return attaching + waiting + leaving + deleting, 1000 * used


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = work(*arguments)
    return result, 1000 * (time.perf_counter() - started)
