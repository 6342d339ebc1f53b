"""A User-Mode Linux machine: boots a disk, runs one command there, leaves nothing behind."""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from . import processor, xstate
from .progress import LabError, killed_at_end, say, step, tail

CHECKOUT = Path(__file__).parents[2]
INIT = Path(__file__).with_name("init")
BOOT_SECONDS = 180
POLL_SECONDS = 0.05
TIMED_OUT = 124


@dataclass(frozen=True)
class Job:
    """What to run on a machine, and how; the command line's help says what each one means."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    memory: str = "3G"
    kernel_args: Sequence[str] = ()
    dockerd: bool = True
    dockerd_log: Path | None = None
    disk: Path | None = None


def run(kernel: Path, image: Path, job: Job) -> int:
    """Boot `kernel` on `image`, which stays as it is, and run the job there.

    The command's output goes to standard output while it runs. Returns its exit status, or 124 if
    it was stopped at its time limit. Raises LabError if the machine or its dockerd fails.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="lab-")))
        # A write into memory is there at once: the machine waits for each one it makes here.
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        control = Path(stack.enter_context(TemporaryDirectory(prefix="lab-", dir=memory)))
        shutil.copy(INIT, control)
        (control / "command").write_text(script(job.command, job.environment))
        if job.dockerd_log:
            stack.callback(_bring_out, control / "dockerd.log", job.dockerd_log)
        changes = job.disk.absolute() if job.disk else scratch / "changes"
        arguments = [str(kernel), f"ubd0={changes},{image}", *_kernel_arguments(control, job)]
        log = stack.enter_context((control / "kernel.log").open("wb"))
        stack.enter_context(processor.claimed())
        machine = subprocess.Popen(
            arguments,
            env=xstate.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.enter_context(killed_at_end(machine))
        with step("machine: booting"):
            _wait_for_command(machine, control)
        return _follow(machine, control, job.timeout)


def script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a shell script that runs `command` with `environment` added to its own."""
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return "".join(exports) + f"exec {shlex.join(command)}\n"


def _kernel_arguments(control: Path, job: Job) -> list[str]:
    return [
        "root=/dev/ubda",
        "rw",
        "init=/init",
        # A restart, too, ends the machine.
        "noreboot",
        # A clock that ticks: with one-shot timers, one that is lost stops the machine for good.
        "highres=off",
        "nohz=off",
        f"mem={job.memory}",
        f"uml_dir={control}",
        # The kernel's own messages go to standard error.
        "con=null",
        "con0=null,fd:2",
        # hostfs is told its folder in a way that mount(8) has from util-linux 2.39 only then.
        "LIBMOUNT_FORCE_MOUNT2=always",
        f"LAB_CONTROL={control}",
        f"LAB_SOURCE={CHECKOUT}",
        f"LAB_DOCKERD={'yes' if job.dockerd else 'no'}",
        *job.kernel_args,
    ]


def _wait_for_command(machine: subprocess.Popen[bytes], control: Path) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while not (control / "output").exists():
        if machine.poll() is not None or time.monotonic() > deadline:
            failed = "kernel" if not (control / "dockerd.log").exists() else "dockerd"
            end = tail(control / f"{failed}.log", 40)
            raise LabError(f"{failed} did not come up; its log ends with:{end}")
        time.sleep(POLL_SECONDS)


def _follow(machine: subprocess.Popen[bytes], control: Path, timeout: float | None) -> int:
    deadline = time.monotonic() + timeout if timeout else None
    with (control / "output").open("rb") as output:
        while True:
            running = machine.poll() is None
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            if not running:
                return _status(control)
            if deadline and time.monotonic() > deadline:
                say(f"the command did not end within {timeout:g} seconds and was stopped")
                return TIMED_OUT
            time.sleep(POLL_SECONDS)


def _status(control: Path) -> int:
    status = control / "status"
    if not status.exists():
        end = tail(control / "kernel.log")
        raise LabError(f"the machine stopped before the command ended; its kernel's log:{end}")
    return int(status.read_text())


def _bring_out(log: Path, to: Path) -> None:
    if log.exists():
        shutil.copy(log, to)
