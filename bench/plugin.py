"""The plugin as shipped: build/rootfs.tar unpacked into a root of its own, and its process."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attachments import Subject
from bench.client import Connection, request

CHECKOUT = Path(__file__).parents[1]
ARCHIVE = CHECKOUT / "build/rootfs.tar"
CONFIG = CHECKOUT / "plugin/config.json"
LIVE_CONFIG = CHECKOUT / "plugin/config.live.json"
LOG = "tmp/log"
SOCKET = "run/docker/plugins/wireguard.sock"
OPTIONS = {"wireguard-config": "{n}"}
CAPABILITIES = request("NetworkDriver.GetCapabilities", {})
# Not /tmp, which may be in memory: the plugin's state is on a disk.
SCRATCH = "/var/tmp"  # noqa: S108
SECONDS = 60
POLL_SECONDS = 0.0005


@dataclass(frozen=True)
class Root:
    """The plugin's root file system, unpacked; the plugin can be started from it many times."""

    path: Path

    @property
    def configurations(self) -> Path:
        """The configuration folder."""
        return self.path / "etc/wireguard"

    @property
    def socket(self) -> Path:
        """The plugin's socket, which exists while it runs."""
        return self.path / SOCKET

    @contextmanager
    def running(self, *python: str, config: Path = CONFIG) -> Iterator[Process]:
        """Start the plugin, and yield it when it answers; see started()."""
        with self.started(*python, config=config) as process:
            process.wait_for_answer()
            yield process

    @contextmanager
    def started(self, *python: str, config: Path = CONFIG) -> Iterator[Process]:
        """Start the plugin, or `python` in place of its program; end it with the block.

        The edition is that of `config`; what it mounts must be there.
        """
        self.socket.unlink(missing_ok=True)
        settings = json.loads(config.read_text())
        entrypoint = settings["entrypoint"]
        environment = {each["name"]: each["value"] for each in settings["env"]}
        if python:
            entrypoint = [*entrypoint[: entrypoint.index("-m")], *python, "serve"]
        with (self.path / LOG).open("ab") as log:
            process = subprocess.Popen(
                ["chroot", self.path, *entrypoint],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
        try:
            yield Process("the plugin", self.socket, OPTIONS, process.pid)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def unpacked() -> Iterator[Root]:
    """Unpack the root file system, with the mounts that Docker makes in it, until the block ends.

    These are /proc, and the configuration folder, whose file system decides how edits are noticed.
    """
    with TemporaryDirectory(prefix="bench-", dir=SCRATCH) as folder, ExitStack() as stack:
        subprocess.run(["tar", "-C", folder, "-xf", ARCHIVE], check=True)
        root = Root(Path(folder))
        root.configurations.mkdir(parents=True, exist_ok=True)
        bind = ("--bind", str(root.configurations), str(root.configurations))
        for mount in (("-t", "proc", "proc", f"{folder}/proc"), bind):
            subprocess.run(["mount", *mount], check=True)
            stack.callback(subprocess.run, ["umount", mount[-1]], check=True)
        yield root


@dataclass(frozen=True)
class Process(Subject):
    """A plugin with its process id."""

    pid: int

    def wait_for_socket(self) -> Connection:
        """Return a connection as soon as the plugin listens; raise OSError after 60 seconds."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                return Connection(self.socket)
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise
                time.sleep(POLL_SECONDS)

    def wait_for_answer(self) -> None:
        """Wait until the plugin answers a call."""
        with self.wait_for_socket() as connection:
            self.ask(connection)

    def ask(self, connection: Connection) -> None:
        """Make a call that changes nothing."""
        connection.call(CAPABILITIES)

    def resident(self) -> float:
        """Return its present resident memory, in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu(self) -> float:
        """Return the processor time that it has used, in seconds, to the nanosecond."""
        # The number of another process's clock, as in clock_getcpuclockid(3).
        return time.clock_gettime(~self.pid << 3 | 2)
