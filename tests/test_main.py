"""The program: early on a private socket, and gone when told."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving import Client
from wgplugin import __version__


@contextmanager
def plugin(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    arguments = [f"--{name}-dir={folder}" for name in ("config", "state")]
    with subprocess.Popen(
        [sys.executable, "-m", "wgplugin", "serve", f"--socket={folder}/socket", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path: Path) -> None:
    """Wait until something listens on the socket."""
    end = time.monotonic() + 30
    while True:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(str(path))
            return
        assert time.monotonic() < end, f"nothing listens on {path}"
        time.sleep(0.01)


def test_socket_is_for_root_alone_and_answers(tmp_path: Path) -> None:
    with plugin(tmp_path):
        wait_for(tmp_path / "socket")
        assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600
        assert Client(tmp_path / "socket").call("Plugin.Activate")[0] == 200


def test_stale_socket_of_a_killed_plugin_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "socket"))
    with plugin(tmp_path):
        wait_for(tmp_path / "socket")
        assert Client(tmp_path / "socket").call("Plugin.Activate")[0] == 200


def test_sigterm_ends_it(tmp_path: Path) -> None:
    with plugin(tmp_path) as process:
        wait_for(tmp_path / "socket")
        Client(tmp_path / "socket").call("Plugin.Activate")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


def test_unknown_log_level_is_logged_and_does_no_harm(tmp_path: Path) -> None:
    with plugin(tmp_path, LOG_LEVEL="chatty") as process:
        wait_for(tmp_path / "socket")
        assert Client(tmp_path / "socket").call("Plugin.Activate")[0] == 200
        process.terminate()
        assert "LOG_LEVEL: 'chatty' isn't debug, info" in process.communicate()[0]


def test_broken_settings_are_logged_and_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "wgplugin.yaml").write_text("log-level: loud")
    with plugin(tmp_path, RESOLVE_TIMEOUT="soon") as process:
        wait_for(tmp_path / "socket")
        assert Client(tmp_path / "socket").call("Plugin.Activate")[0] == 200
        process.terminate()
        output = process.communicate()[0]
    assert "wgplugin.yaml:1:12: log-level: 'loud' isn't debug, info" in output
    assert "RESOLVE_TIMEOUT: 'soon' isn't a number of seconds" in output


def test_live_edition_that_cannot_enter_containers_says_so(tmp_path: Path) -> None:
    with plugin(tmp_path, EDITION="live") as process:
        assert process.stdout
        line = process.stdout.readline()
    assert "this is the live edition, but works as the base edition does" in line
    assert line.endswith(" [WG407]\n")


def test_state_folder_that_cannot_be_used_is_logged(tmp_path: Path) -> None:
    (tmp_path / "networks").touch()
    with plugin(tmp_path) as process:
        output = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert "the state folder can't be used" in output


def test_version_is_printed() -> None:
    command = [sys.executable, "-m", "wgplugin", "--version"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output == f"wgplugin {__version__}\n"


@pytest.mark.parametrize("command", [[], ["fly"]])
def test_wrong_command_line_is_answered_with_the_usage(command: list[str]) -> None:
    run = subprocess.run([sys.executable, "-m", "wgplugin", *command], capture_output=True)
    assert run.returncode == 2
    assert b"usage: wgplugin" in run.stderr
