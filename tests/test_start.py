"""The program as Docker starts it: nothing that takes long comes before its socket."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_main import wait_for

CHECKOUT = Path(__file__).parents[1]
IMPORTS = (
    f"import sys; sys.path.append({str(CHECKOUT)!r}); import wgplugin.start; print(*sys.modules)"
)
# Each takes milliseconds to import.
SLOW = {"argparse", "asyncio", "contextlib", "enum", "logging", "pathlib", "socket", "typing"}


def test_listening_program_imports_nothing_slow() -> None:
    command = [sys.executable, "-I", "-S", "-c", IMPORTS, str(CHECKOUT)]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "wgplugin.start" in modules
    assert not SLOW & set(modules)


def test_base_edition_loads_neither_the_live_one_nor_what_only_some_ask_for() -> None:
    script = "import sys, wgplugin.serve; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "wgplugin.docker.driver" in modules
    rare = {
        "wgplugin.networks.supervisor",
        "wgplugin.networks.edits",
        "wgplugin.kernel.containers",
        "wgplugin.kernel.inotify",
        "wgplugin.conf.links",
        "wgplugin.networks.tunnel",
        "prometheus_client",
        "yaml",
    }
    assert not rare & set(modules)


def test_live_edition_loads_the_library_of_names_for_a_hub_alone() -> None:
    script = "import sys, wgplugin.networks.supervisor; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "wgplugin.networks.name_service" in modules
    assert not {"dnslib", "wgplugin.networks.name_resolver"} & set(modules)


START = """
import runpy, sys
import wgplugin.program, wgplugin.listener
wgplugin.listener.SOCKET, only_start = sys.argv.pop(1), sys.argv.pop(1)
if only_start:
    wgplugin.program.main = lambda listener: 0
runpy.run_module("wgplugin.start", run_name="__main__", alter_sys=True)
"""
"""Runs the program with a private socket in place of Docker's, or no more than its start."""


def start(running: Path, *arguments: object, only_start: bool = False) -> list[str]:
    options = [str(running), "yes" if only_start else "", *map(str, arguments)]
    return [sys.executable, "-c", START, *options]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """The socket of a plugin that runs."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "running"))
        listener.listen()
        yield tmp_path / "running"


def connect(path: Path) -> None:
    """Connect to a socket; raise OSError if nothing listens on it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_as_docker_starts_it_the_program_listens_first(running: Path) -> None:
    entrypoint = json.loads((CHECKOUT / "plugin/config.json").read_text())["entrypoint"]
    arguments = entrypoint[entrypoint.index("wgplugin.start") + 1 :]
    before = running.stat().st_ino
    subprocess.run(start(running, *arguments, only_start=True), check=True)
    assert running.stat().st_ino != before


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["serve", "--help"], ["check", "missing.conf"], ["serve", "--no-such-option"]],
    ids=" ".join,
)
def test_other_arguments_leave_a_running_plugin_its_socket(
    running: Path, arguments: list[str]
) -> None:
    subprocess.run(start(running, *arguments), check=False, capture_output=True)
    connect(running)


def test_other_socket_leaves_a_running_plugin_its_own(running: Path, tmp_path: Path) -> None:
    folders = [f"--{name}-dir={tmp_path}" for name in ("config", "state")]
    command = start(running, "serve", "--socket", tmp_path / "other", *folders)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(tmp_path / "other")
            connect(running)
        finally:
            process.kill()


@pytest.mark.parametrize("command", ["status", "check", "__complete"])
def test_plugin_s_own_program_has_no_command_for_a_person(command: str) -> None:
    program = [sys.executable, "-m", "wgplugin.start", command]
    run = subprocess.run(program, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert run.returncode == 2
    assert "(choose from" in run.stderr
