"""The plugin of either edition, and containers' network namespaces as Docker makes them."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from bench.attachments import Attachment, write_configurations
from bench.client import Connection, get
from bench.plugin import CONFIG, LIVE_CONFIG, Process, Root
from tests.e2e.commands import run

CONFIGS = {"base": CONFIG, "live": LIVE_CONFIG}
DOCKER_RUN = "mnt/docker"
STATE = "var/lib/wgplugin"
DEVICE = "wg0"
"""The name of every network's device in its container."""
HOST_PID = 1
# What systemd gives to Docker, and Docker to its plugins.
OPEN_FILES = (1024, 524288)
ANSWER_SECONDS = 10
GROW_SECONDS = 900


@dataclass(frozen=True)
class Sandbox:
    """A container's network namespace, which a file stands for; and what Docker does in it."""

    file: Path
    address: str

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the namespace; it ends with the block."""
        self.make()
        try:
            yield
        finally:
            run("umount", str(self.file))
            self.file.unlink()

    def make(self) -> None:
        """Make the namespace, with its loopback up."""
        self.file.touch()
        run("unshare", f"--net={self.file}", "ip", "link", "set", "lo", "up")

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a command in the namespace; see commands.run()."""
        return run("nsenter", f"--net={self.file}", *command, stdin=stdin)

    def move_in(self, device: str) -> None:
        """Move a device of the host's here, name it, give it its address, and set it up."""
        run("ip", "link", "set", device, "netns", str(self.file))
        self._ip(
            f"link set {device} name {DEVICE}",
            f"address add {self.address} dev {DEVICE}",
            f"link set {DEVICE} up",
        )

    def move_out(self, device: str) -> None:
        """Move the device back to the host, with its name from there."""
        self._ip(
            f"link set {DEVICE} down",
            f"link set {DEVICE} name {device}",
            f"link set {device} netns {HOST_PID}",
        )

    def _ip(self, *commands: str) -> None:
        self.run("ip", "-batch", "-", stdin="\n".join(commands))


class Host:
    """A plugin that runs, and the containers that it serves."""

    def __init__(self, process: Process, folder: Path, connection: Connection) -> None:
        self.process = process
        self.connection = connection
        self.sandboxes: list[Sandbox] = []
        self._folder = folder

    @property
    def pins(self) -> Path:
        """The folder of the files that stand for routers' namespaces, by networks' ids."""
        return self._folder.parent / "wgplugin"

    def sandbox(self, attachment: Attachment) -> Sandbox:
        """Return the namespace of an attachment's container, which isn't made yet."""
        return Sandbox(self._folder / attachment.sandbox, attachment.address)

    def grow(self, count: int) -> None:
        """Start containers until there are `count`, or for `GROW_SECONDS`.

        A container's number is its configuration's.

        Raises:
            RefusedError: the plugin refuses one; those before it stay.
        """
        end = time.monotonic() + GROW_SECONDS
        while len(self.sandboxes) < count and time.monotonic() < end:
            number = len(self.sandboxes)
            attachment = Attachment.of(self.process, f"bench-{number}", number)
            self.connection.call(attachment.create_network)
            self.start(attachment)

    def start(self, attachment: Attachment) -> None:
        """Start a container, whose network is there.

        Raises:
            RefusedError: the plugin refuses it.
        """
        sandbox = self.sandbox(attachment)
        sandbox.make()
        sandbox.move_in(attachment.attach(self.connection))
        self.connection.call(attachment.details)
        self.sandboxes.append(sandbox)


def page(plugin: Path, path: str, seconds: float = ANSWER_SECONDS) -> bytes | None:
    """Return a page of a plugin's own, by its socket; None if it doesn't come in some seconds."""
    with Connection(plugin) as connection, suppress(TimeoutError):
        connection.socket.settimeout(seconds)
        return connection.call(get(path))
    return None


@contextmanager
def running(root: Root, edition: str, most: int) -> Iterator[Host]:
    """Run an edition, with configurations for `most` containers; all ends with the block.

    Raises:
        RuntimeError: it works as the other edition.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, OPEN_FILES)
    write_configurations(root.configurations, {f"bench-{number}": 1 for number in range(most)})
    with ExitStack() as stack:
        stack.callback(_forget, root.path / STATE)
        folder = stack.enter_context(_docker_run())
        if edition == "live":
            stack.enter_context(_mounted(folder, root.path / DOCKER_RUN))
        process = stack.enter_context(root.running(config=CONFIGS[edition]))
        host = Host(process, folder / "netns", stack.enter_context(Connection(process.socket)))
        works_as = json.loads(page(process.socket, "/status") or "{}").get("edition")
        if works_as != edition:
            raise RuntimeError(f"the {edition} edition works as {works_as}")
        yield host


@contextmanager
def _docker_run() -> Iterator[Path]:
    """Make a folder like the host's /run/docker, whose mounts are shared."""
    with TemporaryDirectory(prefix="bench-") as name:
        run("mount", "-t", "tmpfs", "tmpfs", name)
        try:
            run("mount", "--make-shared", name)
            Path(name, "netns").mkdir()
            yield Path(name)
        finally:
            run("umount", "--lazy", name)


@contextmanager
def _mounted(folder: Path, place: Path) -> Iterator[None]:
    """Mount a folder as the live edition's config.json does."""
    place.mkdir(parents=True, exist_ok=True)
    run("mount", "--rbind", str(folder), str(place))
    try:
        run("mount", "--make-rshared", str(place))
        yield
    finally:
        run("umount", "--lazy", str(place))


def _forget(state: Path) -> None:
    for entry in state.iterdir():
        rmtree(entry) if entry.is_dir() else entry.unlink()
