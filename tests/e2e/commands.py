"""Running commands, and waiting for what they start."""

import subprocess
import time
from collections.abc import Callable

TIMEOUT = 180.0


class CommandError(AssertionError):
    """Raised when a command fails; holds what it said."""

    def __init__(self, command: tuple[str, ...], result: subprocess.CompletedProcess[str]) -> None:
        self.output = result.stdout + result.stderr
        super().__init__(f"{' '.join(command)}: exit status {result.returncode}\n{self.output}")


def run(*command: str, stdin: str | None = None, timeout: float = TIMEOUT) -> str:
    """Run a command to its end and return its standard output.

    Raises:
        CommandError: its exit status isn't 0.
    """
    result = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )
    if result.returncode:
        raise CommandError(command, result)
    return result.stdout.strip()


def refused(*command: str) -> str:
    """Run a command that must fail and return all that it said."""
    try:
        output = run(*command)
    except CommandError as error:
        return error.output
    raise AssertionError(f"{' '.join(command)} should have failed; it said: {output}")


def succeeds(*command: str) -> bool:
    """Run a command and tell whether it succeeded."""
    try:
        run(*command)
    except CommandError:
        return False
    return True


def exit_status(*command: str) -> int:
    """Run a command to its end, whatever becomes of it, and return its exit status."""
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False).returncode


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Wait for something outside of our reach, asking again and again."""
    end = time.monotonic() + TIMEOUT
    while not happened():
        assert time.monotonic() < end, f"waited {TIMEOUT} s for {what}"
        time.sleep(0.1)
