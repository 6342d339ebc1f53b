"""plugin/docker-wireguard with the package installed: what each way to call it becomes.

How it runs the commands' image is tried by tests/e2e/test_commands.py.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SCRIPT = CHECKOUT / "plugin/docker-wireguard"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The installed `wgplugin`, in a folder for the PATH."""
    path = tmp_path / "wgplugin"
    path.write_text(
        f"#!/bin/sh\nPYTHONPATH='{CHECKOUT}' exec '{sys.executable}' -m wgplugin \"$@\"\n"
    )
    path.chmod(0o755)
    return path


def said(program: Path, *arguments: str, status: int = 0) -> str:
    """Call the script, and return what it prints."""
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    run = subprocess.run(
        [SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == status, run.stderr
    return run.stdout + run.stderr


def test_metadata_is_what_docker_s_client_takes() -> None:
    metadata = json.loads(subprocess.check_output([SCRIPT, "docker-cli-plugin-metadata"]))
    assert metadata["SchemaVersion"] == "0.1.0"
    assert metadata["Vendor"]
    assert metadata["ShortDescription"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["wireguard", "wait", "--help"],
        ["wait", "--help"],
        ["help", "wireguard", "wait"],
        ["--debug", "--context", "default", "-l", "info", "wireguard", "wait", "--help"],
        ["--context=default", "--log-level=info", "--tlsverify", "wireguard", "wait", "--help"],
    ],
    ids=" ".join,
)
def test_each_way_to_call_it_reaches_the_command(program: Path, arguments: list[str]) -> None:
    assert said(program, *arguments).startswith("usage: docker wireguard wait ")


@pytest.mark.parametrize("arguments", [[], ["wireguard"], ["help", "wireguard"]], ids=" ".join)
def test_without_a_command_it_shows_the_help(program: Path, arguments: list[str]) -> None:
    assert said(program, *arguments).startswith("usage: docker wireguard [-h]")


@pytest.mark.parametrize(
    "arguments", [["__completeNoDesc", "wireguard"], ["__completeNoDesc"]], ids=" ".join
)
def test_completion_is_asked_with_and_without_the_plugin_s_name(
    program: Path, arguments: list[str]
) -> None:
    assert said(program, *arguments, "wai") == "wait\n:4\n"


def test_arguments_and_exit_status_are_passed_on_as_they_are(program: Path, tmp_path: Path) -> None:
    name = str(tmp_path / 'a "b"  $c.conf')
    assert said(program, "wireguard", "check", name, status=2).startswith(f"{name}: no such file")


def test_unsupported_option_of_docker_s_client_is_refused(program: Path) -> None:
    refused = said(program, "--tlscert", "file", "wireguard", "status", status=125)
    assert refused.startswith("docker wireguard: --tlscert can't be given")
