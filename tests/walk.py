"""Following a page: what its blocks of code say, from top to bottom, as a reader at a shell."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.documents import RUN, Block

TIMED_OUT = 124


class WalkError(AssertionError):
    """Raised when a block fails; says which one and what it printed."""


def walk(
    blocks: Sequence[Block], folder: Path, environment: Mapping[str, str], seconds: int = 300
) -> None:
    """Run the blocks of commands in one shell, and write the files that the others are; in order.

    Args:
        blocks: a page's, or some of them; those that are neither commands nor files are passed by.
        folder: where the shell starts.
        environment: all of the shell's environment.
        seconds: how long all of it may take.

    Raises:
        WalkError: a command failed, a block left the shell, or it took too long.
    """
    steps = [block for block in blocks if block.language == RUN or block.file]
    with TemporaryDirectory(prefix="walk-") as scratch:
        script = Path(scratch, "script")
        script.write_text(_script(steps, Path(scratch)))
        result = subprocess.run(
            ["timeout", "--kill-after=10", str(seconds), "sh", "-ex", script],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        reached = int(Path(scratch, "reached").read_text())
        if reached == len(steps):
            return
        said = Path(scratch, f"said-{reached}").read_text(errors="replace")
    failed = steps[reached]
    if result.returncode == TIMED_OUT:
        how = f"was not done after {seconds} s"
    else:
        how = f"left the shell with status {result.returncode}"
    raise WalkError(f"{failed}: {how}\n{failed.text}\nIt printed:\n{said}")


def _script(steps: Sequence[Block], scratch: Path) -> str:
    """Return a shell script that notes how far it gets; each step's text is a file beside it."""
    lines = ["PS4='$ '"]
    for number, block in enumerate(steps):
        text, said = scratch / f"step-{number}", scratch / f"said-{number}"
        text.write_text(block.text)
        lines.append(f"echo {number} >{scratch}/reached")
        step = f"cat {text} >{shlex.quote(block.file)}" if block.file else f". {text}"
        lines.append(f"{{ {step}; }} >>{said} 2>&1")
    lines.append(f"echo {len(steps)} >{scratch}/reached")
    return "\n".join(lines) + "\n"
