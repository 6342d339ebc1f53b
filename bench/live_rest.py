"""Table 7, first part: what the live edition costs while nothing happens in its tunnels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from bench import live
from bench.attach import peers_link
from bench.client import RefusedError
from bench.live import Host, page
from bench.plugin import Root
from bench.stats import summarize
from bench.table import Row, Table, Target

ALIVE = (1, 50, 200, 1000)
SECONDS, FEWER_SECONDS = 60, 30
# A container's start has an end: for 10 s, Docker's other networks may still come.
STARTING_SECONDS = 15
ANSWERS = 5
PAGES = ("/metrics", "/status")
AT_MOST = {
    "processor, 200 alive": 2,
    "processor, 1000 alive": 8,
    "memory, 1000 alive": 60,
    "GET /metrics, 200 alive": 150,
    "GET /metrics, 1000 alive": 600,
    "GET /status, 200 alive": 150,
    "GET /status, 1000 alive": 600,
}


def measure_rest(root: Root, effort: float) -> Table:
    """Measure the live edition with tunnels that are set up and left alone."""
    seconds = SECONDS if effort >= 1 else FEWER_SECONDS
    rows: list[Row] = []
    with peers_link(), live.running(root, "live", max(ALIVE)) as host:
        for alive in ALIVE:
            with suppress(RefusedError):
                host.grow(alive)
            time.sleep(STARTING_SECONDS)
            started = len(host.sandboxes)
            rows.append(Row(f"started, {alive} alive", "tunnels", summarize([started])))
            rows += _rows(host, alive, seconds)
    return Table(
        title="7. Live: at rest",
        about=(
            "The live edition's process alone, with tunnels that are set up in namespaces of their "
            f"own and carry nothing, for {SECONDS} s ({FEWER_SECONDS} s with less effort). "
            f"An answer that takes longer than {live.ANSWER_SECONDS} s counts as that long. Where "
            f"fewer could be started in {live.GROW_SECONDS} s, or one was refused, the figures are "
            "those of fewer."
        ),
        rows=tuple(rows),
        targets=(
            *(
                Target(f"{row.name}, {row.unit}", row.values.median, AT_MOST[row.name])
                for row in rows
                if row.name in AT_MOST
            ),
            Target("started", started, max(ALIVE), at_least=max(ALIVE)),
        ),
    )


def _rows(host: Host, alive: int, seconds: float) -> Iterator[Row]:
    processor = processor_share(host, seconds)
    yield Row(f"processor, {alive} alive", "%", summarize([processor]))
    yield Row(f"memory, {alive} alive", "MB", summarize([host.process.resident()]))
    for path in PAGES:
        # The first answer loads the library for metrics.
        page(host.process.socket, path)
        answers = [_page_time(host, path) for _ in range(ANSWERS)]
        yield Row(f"GET {path}, {alive} alive", "ms", summarize(answers))


def _page_time(host: Host, path: str) -> float:
    """Return the milliseconds until a page came, or was given up."""
    started = time.perf_counter()
    page(host.process.socket, path)
    return 1000 * (time.perf_counter() - started)


def processor_share(host: Host, seconds: float) -> float:
    """Return the percentage of a processor that the plugin uses for some seconds."""
    began, used = time.monotonic(), host.process.cpu()
    time.sleep(seconds)
    return 100 * (host.process.cpu() - used) / (time.monotonic() - began)
