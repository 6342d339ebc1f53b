"""Table 8, first parts: containers on a shared network, by Docker's calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

from bench import live
from bench.attach import VISITOR, peers_link, repetitions
from bench.attachments import Attachment, Subject, configuration
from bench.live import Host
from bench.live_join import visit
from bench.live_rest import FEWER_SECONDS, SECONDS, STARTING_SECONDS, processor_share
from bench.plugin import Root
from bench.stats import summarize
from bench.table import Row, Table, Target, compared, median_ratio

OWN, FIRST, MORE = "a tunnel of its own", "the first on a router", "one more on a router"
ALIVE = (1, 200)
ROUNDS = 60
FIRST_AT_MOST, MORE_AT_MOST, CROWDED_AT_MOST = 1.5, 1.0, 1.1
PERCENT_AT_MOST = 0.1
ADDRESS = "10.99.0.2/32"
SHARED = {"wireguard-config": "{n}", "wireguard-mode": "shared"}

Visit = Callable[[], float]


def measure_shared_attach(root: Root, effort: float) -> Table:
    """Measure a container's attachment to a router, which is there or not, and without one."""
    with peers_link(), live.running(root, "live", 0) as host:
        visits: dict[str, Visit] = {
            OWN: _own(root, host),
            FIRST: _first(root, host),
            MORE: _one_more(root, host),
        }
        for each in visits.values():
            each()
        samples: dict[str, list[float]] = {name: [] for name in visits}
        for _ in range(repetitions(ROUNDS, effort)):
            for name, each in visits.items():
                samples[name].append(each())
    rows = compared(samples, OWN)
    return Table(
        title="8. Shared networks: attach and detach",
        about=(
            "The time in CreateEndpoint, Join, EndpointOperInfo, Leave and DeleteEndpoint of one "
            "container in the live edition, whose namespace is new each time. The first container "
            "of a network has its router made, which the network's deletion removes each time."
        ),
        rows=rows,
        base=OWN,
        targets=(
            Target(f"{MORE}, × {OWN}", median_ratio(rows, MORE), MORE_AT_MOST),
            Target(f"{FIRST}, × {OWN}", median_ratio(rows, FIRST), FIRST_AT_MOST),
        ),
    )


def measure_shared_crowd(root: Root, effort: float) -> Table:
    """Measure a router with many containers: one more of them, and all of them at rest."""
    seconds = SECONDS if effort >= 1 else FEWER_SECONDS
    rows: list[Row] = []
    calls: dict[int, float] = {}
    memory: dict[int, float] = {}
    share = 0.0
    with peers_link(), live.running(root, "live", 0) as host:
        subject = _network(root, host, "crowd")
        visitor = Attachment.of(subject, "crowd", VISITOR, "crowd")
        for alive in ALIVE:
            while len(host.sandboxes) < alive:
                host.start(Attachment.of(subject, "crowd", len(host.sandboxes), "crowd"))
            visit(host, visitor)
            visits = [visit(host, visitor) for _ in range(repetitions(ROUNDS, effort))]
            taken = summarize([calling for calling, _ in visits])
            # The lab's kernel counts processor time in steps of 10 ms.
            used = summarize([fmean(using for _, using in visits)])
            time.sleep(STARTING_SECONDS)
            share = processor_share(host, seconds)
            calls[alive], memory[alive] = taken.median, host.process.resident()
            rows += [
                Row(f"attach and detach, {alive} alive", "ms", taken),
                Row(f"its processor time, {alive} alive", "ms", used),
                Row(f"processor at rest, {alive} alive", "%", summarize([share])),
                Row(f"memory, {alive} alive", "MB", summarize([memory[alive]])),
            ]
    few, many = ALIVE
    each = 1000 * (memory[many] - memory[few]) / (many - few)
    rows.append(Row("memory of one container", "kB", summarize([each])))
    return Table(
        title=f"8. Shared networks: {many} containers",
        about=(
            "The same calls for one more container on a router, with the plugin's processor time "
            "from the first to the last; and the plugin's process with all of the router's "
            f"containers at rest, for {SECONDS} s ({FEWER_SECONDS} s with less effort)."
        ),
        rows=tuple(rows),
        targets=(
            Target(
                f"attach and detach, {many} alive, × {few} alive",
                calls[many] / calls[few],
                CROWDED_AT_MOST,
            ),
            Target(f"processor at rest, {many} alive, %", share, PERCENT_AT_MOST),
        ),
    )


def with_address(name: str) -> str:
    """Return a configuration file with an address, which is a shared network's router's."""
    section = "[Interface]\n"
    return configuration(name, 1).replace(section, f"{section}Address = {ADDRESS}\n", 1)


def _own(root: Root, host: Host) -> Visit:
    (root.configurations / "own.conf").write_text(configuration("own", 1))
    visitor = Attachment.of(host.process, "own", VISITOR)
    host.connection.call(visitor.create_network)
    return lambda: visit(host, visitor)[0]


def _first(root: Root, host: Host) -> Visit:
    subject = _network(root, host, "first")
    visitor = Attachment.of(subject, "first", VISITOR + 1, "first")

    def step() -> float:
        taken, _ = visit(host, visitor)
        host.connection.call(visitor.delete_network)
        host.connection.call(visitor.create_network)
        return taken

    return step


def _one_more(root: Root, host: Host) -> Visit:
    subject = _network(root, host, "more")
    host.start(Attachment.of(subject, "more", 0, "more"))
    visitor = Attachment.of(subject, "more", VISITOR + 2, "more")
    return lambda: visit(host, visitor)[0]


def _network(root: Root, host: Host, name: str) -> Subject:
    """Create a shared network of that name and configuration; return what its containers are of."""
    (root.configurations / f"{name}.conf").write_text(with_address(name))
    subject = replace(host.process, options=SHARED)
    host.connection.call(Attachment.of(subject, name, 0, name).create_network)
    return subject
