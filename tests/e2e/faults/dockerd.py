"""The lab's Docker daemon: stopped, killed, and started again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.docker import docker
from tests.e2e.faults.processes import end

PROCESS = Path("/run/docker.pid")
SETTINGS = Path("/etc/docker/daemon.json")
LOG = Path("/var/log/dockerd.log")
# Left to process 1, which sees to it that a daemon that has ended is gone.
START = f"dockerd >>{LOG} 2>&1 & echo $!"


class Dockerd:
    """The machine's one daemon: running, unless a test ended it."""

    def end(self, number: signal.Signals) -> None:
        """Send it a signal, and wait until it is no more."""
        end(int(PROCESS.read_text()), number)

    def start(self) -> None:
        """Start it as the lab does, and wait until it answers."""
        process = Path("/proc", run("sh", "-c", START))

        def answers() -> bool:
            assert process.exists(), "dockerd ended; its log says why"
            return succeeds("curl", "-sf", "--unix-socket", "/run/docker.sock", "http://d/_ping")

        wait_until(answers, "dockerd's answer")

    @contextmanager
    def live_restore(self) -> Iterator[None]:
        """Have containers outlive the daemon, for as long as the block lasts."""
        SETTINGS.parent.mkdir(exist_ok=True)
        self._set_live_restore("true")
        try:
            yield
        finally:
            self._set_live_restore("false")
            SETTINGS.unlink()

    def _set_live_restore(self, value: str) -> None:
        SETTINGS.write_text(f'{{"live-restore": {value}}}')
        os.kill(int(PROCESS.read_text()), signal.SIGHUP)
        wait_until(
            lambda: docker("info", "--format", "{{.LiveRestoreEnabled}}") == value,
            "dockerd to read its settings",
        )
