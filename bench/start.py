"""Table 6: the start, the memory, the size, and the cost of idling."""

from __future__ import annotations

import gzip
import subprocess
import tarfile
import time
from contextlib import ExitStack

from bench.attach import Crowd, peers_link, repetitions, rounds, visit
from bench.attachments import write_configurations
from bench.plugin import ARCHIVE, CHECKOUT, Root
from bench.stats import summarize
from bench.table import Row, Table, Target

STARTS = 20
ENABLES = 10
ENDPOINTS = 1000
IDLE_SECONDS = 30
PLUGIN = "wireguard-bench:latest"


def measure_start(root: Root, effort: float, lab: bool) -> Table:
    """Measure the start, and idling after it; in the lab the start may take longer."""
    listens, answers, resident = _starts(root, repetitions(STARTS, effort))
    idle = [_idle(root) for _ in range(repetitions(3, effort))]
    rows = (
        Row("exec to the socket listening", "ms", summarize(listens)),
        Row("exec to the first answer", "ms", summarize(answers)),
        Row("memory after the first answer", "MB", summarize(resident)),
        Row("processor while idle", "%", summarize(idle)),
    )
    return Table(
        title="6. Start and rest",
        about=f"The plugin's process alone; idle for {IDLE_SECONDS} s.",
        rows=rows,
        targets=(
            Target("listens, ms", rows[0].values.median, 500 if lab else 20),
            *([] if lab else [Target("answers, ms", rows[1].values.median, 170)]),
            Target("idle, %", rows[3].values.median, 0.1),
        ),
    )


def measure_memory(root: Root) -> Table:
    """Measure the memory after 1,000 attaches and detaches, and with 1,000 endpoints alive."""
    names = {f"bench-{number}": 1 for number in range(ENDPOINTS)}
    write_configurations(root.configurations, {**names, "bench": 1})
    with peers_link(), root.running() as process, ExitStack() as stack:
        taken = {"before": process.resident()}
        step = visit(stack, process, "bench")
        for _ in range(ENDPOINTS):
            step()
        taken[f"after {ENDPOINTS} attaches and detaches"] = process.resident()
        stack.enter_context(Crowd(process)).grow(ENDPOINTS)
        taken[f"after {ENDPOINTS} more, all alive"] = process.resident()
    rows = tuple(Row(name, "MB", summarize([memory])) for name, memory in taken.items())
    return Table(
        title="6. Memory",
        about="Resident memory of the plugin's process.",
        rows=rows,
        targets=tuple(Target(f"{row.name}, MB", row.values.median, 34) for row in rows[1:]),
    )


def measure_size() -> Table:
    """Measure the size of the root file system."""
    with tarfile.open(ARCHIVE) as archive:
        files = [member.size for member in archive if member.isfile()]
    unpacked = sum(files) / 1e6
    packed = len(gzip.compress(ARCHIVE.read_bytes(), 6)) / 1e6
    return Table(
        title="6. Size",
        about=f"The root file system: {len(files)} files; compressed by gzip -6.",
        rows=(
            Row("unpacked", "MB", summarize([unpacked])),
            Row("compressed", "MB", summarize([packed])),
        ),
        targets=(
            Target("unpacked, MB", unpacked, 28),
            Target("compressed, MB", packed, 10),
        ),
    )


def measure_enable(effort: float, lab: bool) -> Table:
    """Measure `docker plugin enable`, which has no target in the lab."""
    folder = CHECKOUT / "build/bench-wireguard"
    folder.mkdir(exist_ok=True)
    docker = ("docker", "plugin")
    subprocess.run(["make", "plugin", f"PLUGIN={PLUGIN}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*docker, "set", PLUGIN, f"config.source={folder}"], check=True)

    def enable() -> None:
        subprocess.run([*docker, "enable", PLUGIN], check=True, stdout=subprocess.DEVNULL)

    def disable() -> None:
        subprocess.run([*docker, "disable", PLUGIN], check=True, stdout=subprocess.DEVNULL)

    samples = rounds({"enable": enable, "disable": disable}, repetitions(ENABLES, effort))
    subprocess.run([*docker, "rm", PLUGIN], check=True, stdout=subprocess.DEVNULL)
    folder.rmdir()
    rows = tuple(
        Row(f"docker plugin {name}", "ms", summarize(taken)) for name, taken in samples.items()
    )
    return Table(
        title="6. docker plugin enable",
        about="Docker looks for the socket after 500 ms, and then every 3 s.",
        rows=rows,
        targets=() if lab else (Target(rows[0].name + ", ms", rows[0].values.median, 800),),
    )


def _starts(root: Root, count: int) -> tuple[list[float], list[float], list[float]]:
    listens: list[float] = []
    answers: list[float] = []
    resident: list[float] = []
    for _ in range(count):
        started = time.perf_counter()
        with root.started() as process:
            with process.wait_for_socket() as connection:
                listens.append(1000 * (time.perf_counter() - started))
                process.ask(connection)
                answers.append(1000 * (time.perf_counter() - started))
            resident.append(process.resident())
    return listens, answers, resident


def _idle(root: Root) -> float:
    """Return the percentage of a processor that the idle plugin uses."""
    with root.running() as process:
        # The plugin isn't idle right after its first answer.
        time.sleep(2)
        began, used = time.monotonic(), process.cpu()
        time.sleep(IDLE_SECONDS)
        return 100 * (process.cpu() - used) / (time.monotonic() - began)
