"""Containers that are made but not started, and starts in the background."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tests.e2e.commands import TIMEOUT
from tests.e2e.docker import IMAGE, Container, docker
from tests.e2e.engine import remove

# What dockerd starts again by itself; a stop of it takes no time.
RESTARTED = ("--restart", "always", "--stop-signal", "KILL")


@contextmanager
def created(network: str, *options: str) -> Iterator[Container]:
    """A container that was never started, for as long as the block lasts."""
    name = f"container-{uuid4().hex[:8]}"
    create = ("create", "--name", name, "--network", network, *options)
    docker(*create, IMAGE, "/busybox", "sleep", "600")
    try:
        yield Container(name)
    finally:
        remove(name)


class Start:
    """The start of a container, under way."""

    def __init__(self, box: Container) -> None:
        self._command = ("docker", "start", box.name)
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def error(self) -> str:
        """Wait for its end, and return what went wrong; "" if nothing did."""
        _, error = self._process.communicate(timeout=TIMEOUT)
        return error if self._process.returncode else ""
