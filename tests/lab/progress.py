"""What the lab tells the person who started it, and the log files behind it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class LabError(Exception):
    """Something the lab cannot do; the text says what, and what to do about it."""


def say(text: str, end: str = "\n") -> None:
    """Print `text` to standard error, after "lab: "."""
    print(f"lab: {text}", end=end, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a long step, and how long it took once it has ended."""
    started = time.monotonic()
    say(f"{text} … ", end="")
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        print(f"{outcome} {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def tail(log: Path, lines: int = 20) -> str:
    """Return the last `lines` of the file `log`, indented; "" if there is no such file."""
    if not log.exists():
        return ""
    kept = log.read_text(errors="replace").splitlines()[-lines:]
    return "".join(f"\n    {line}" for line in kept)


def run_logged(command: Sequence[str | Path], log: Path, cwd: Path | None = None) -> None:
    """Run `command` with its output appended to `log`; a failure is a LabError with its end."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with killed_at_end(process):
            status = process.wait()
    if status:
        raise LabError(f"that step's log, {log}, ends with:{tail(log)}")


@contextmanager
def killed_at_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill what is left of `process` and its session when the block ends, however it ends."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            # Its children are init's by now, and gone a moment later.
            for _ in range(100):
                os.killpg(process.pid, 0)
                time.sleep(0.01)
        process.wait()
