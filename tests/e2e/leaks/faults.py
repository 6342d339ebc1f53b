"""What goes wrong, for as long as a block lasts."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.commands import run, wait_until
from tests.e2e.docker import plugin_id
from tests.e2e.leaks.boundary import ENDPOINT
from tests.e2e.provider import NAMESPACE


@contextmanager
def silent_peer() -> Iterator[None]:
    """The provider's device is down: its port is closed."""
    keep = "net.ipv6.conf.wg0.keep_addr_on_down=1"
    run("ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", keep)
    run("ip", "-n", NAMESPACE, "link", "set", "wg0", "down")
    try:
        yield
    finally:
        run("ip", "-n", NAMESPACE, "link", "set", "wg0", "up")


@contextmanager
def unreachable_endpoint() -> Iterator[None]:
    """The host has no way to the endpoint."""
    route = ("blackhole", str(ENDPOINT))
    run("ip", "route", "add", *route)
    try:
        yield
    finally:
        run("ip", "route", "del", *route)


@contextmanager
def killed_plugin() -> Iterator[None]:
    """The plugin's process was killed; Docker may start it again whenever it likes."""
    for process in _plugin_processes():
        os.kill(process, signal.SIGKILL)
    yield
    wait_until(lambda: bool(_plugin_processes()), "Docker to start the plugin again")


def _plugin_processes() -> list[int]:
    plugin = plugin_id()
    processes = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return [process for process in processes if _is_of_plugin(process, plugin)]


def _is_of_plugin(process: int, plugin: str) -> bool:
    """Tell whether a process is the program of a plugin, by its file system and its arguments."""
    folder = Path("/proc", str(process))
    try:
        arguments = (folder / "cmdline").read_bytes().split(b"\0")
        return b"wgplugin.start" in arguments and plugin in (folder / "mountinfo").read_text()
    except OSError:
        return False
