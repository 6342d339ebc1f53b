"""Table 7, last part: from the edit of a file to the device in a container."""

from __future__ import annotations

import time
from pathlib import Path

from bench import live
from bench.attach import peers_link, repetitions
from bench.attachments import configuration
from bench.live import DEVICE, Sandbox
from bench.plugin import Root
from bench.stats import summarize
from bench.table import Row, Table, Target

ALIVE = 200
EDITS = 15
POLL_SECONDS = 0.02
LIMIT_SECONDS = 30
AT_MOST = 1.5


def measure_edit(root: Root, effort: float) -> Table:
    """Measure the time until an edit is in force in a container."""
    with peers_link(), live.running(root, "live", ALIVE) as host:
        host.grow(ALIVE)
        taken = [
            _edit(root.configurations / f"bench-{number}.conf", host.sandboxes[number], number)
            for number in range(repetitions(EDITS, effort))
        ]
    row = Row(f"an edit, {ALIVE} alive", "s", summarize(taken))
    return Table(
        title="7. Live: an edit",
        about=(
            "From the replacement of a configuration file to the new AllowedIPs of the device in "
            f"the container, by wg(8); at most {LIMIT_SECONDS} s are counted."
        ),
        rows=(row,),
        targets=(Target(f"{row.name}, s", row.values.median, AT_MOST),),
    )


def _edit(file: Path, sandbox: Sandbox, number: int) -> float:
    """Replace a file by one with another prefix; return the seconds until the device has it."""
    added = f"10.200.{number}.0/24"
    draft = file.with_suffix(".new")
    draft.write_text(f"{configuration(file.stem, 1)}AllowedIPs = {added}\n")
    draft.rename(file)
    started = time.monotonic()
    while (took := time.monotonic() - started) < LIMIT_SECONDS:
        if added in sandbox.run("wg", "show", DEVICE, "allowed-ips"):
            break
        time.sleep(POLL_SECONDS)
    return took
