"""The shells' scripts, in the shells themselves, as far as this machine has them."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wgplugin.cli.shells import SCRIPTS

CHECKOUT = Path(__file__).parents[2]
# A command line, and what bash has in COMP_WORDS and COMPREPLY.
BASH = """
source ./script
COMP_LINE=$1
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_wgplugin
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a `wgplugin` to be on the PATH, a file, a folder, and each shell's script."""
    program = tmp_path / "bin/wgplugin"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH='{CHECKOUT}' exec '{sys.executable}' -m wgplugin \"$@\"\n"
    )
    program.chmod(0o755)
    (tmp_path / "my file.conf").touch()
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb"}


def need(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} isn't on this machine")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["wa"], ["wait"]),
        (["wait", "--t"], ["--timeout"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["check", "my"], ["my file.conf"]),
        (["wait", "--network", "=", "x", "--t"], ["--timeout"]),
        (["no-such-command", ""], [""]),
    ],
)
def test_bash_completes(folder: Path, words: list[str], wanted: list[str]) -> None:
    need("bash")
    (folder / "script").write_text(SCRIPTS["bash"])
    line = "wgplugin " + " ".join(words).replace(" = ", "=")
    command = ["bash", "-c", BASH, "bash", line, "wgplugin", *words]
    said = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True
    )
    assert said.stderr == ""
    assert said.stdout.splitlines() == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("wgplugin wa", "wait\twait until the tunnels"),
        ("wgplugin wait --t", "--timeout\tgive up"),
        ("wgplugin completion ", "bash\n"),
        ("wgplugin check my", "my file.conf"),
    ],
)
def test_fish_completes(folder: Path, line: str, wanted: str) -> None:
    need("fish")
    (folder / "script").write_text(SCRIPTS["fish"])
    command = ["fish", "--no-config", "-c", f"source script; complete --do-complete '{line}'"]
    said = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True
    )
    assert said.stderr == ""
    assert wanted in said.stdout.replace("\\ ", " ")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("wgplugin wa", "wgplugin wait "),
        ("wgplugin wait --t", "wgplugin wait --timeout "),
        ("wgplugin check my", r"wgplugin check my\ file.conf "),
    ],
)
def test_zsh_completes(folder: Path, line: str, wanted: str) -> None:
    need("zsh")
    start = f"PS1='ready> '\nautoload -U compinit\ncompinit -u -D\n{SCRIPTS['zsh']}"
    (folder / ".zshrc").write_text(start)
    child, terminal = pty.fork()
    if not child:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-d", "-i"], environment(folder))
    try:
        read_until(terminal, "ready> ")
        os.write(terminal, f"{line}\t".encode())
        read_until(terminal, wanted)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def read_until(terminal: int, wanted: str) -> None:
    """Read what a terminal shows until it has a text."""
    shown, end = "", time.monotonic() + 30
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
        assert ready, f"{wanted!r} isn't in {shown!r}"
        shown += os.read(terminal, 4096).decode(errors="replace").replace("\r", "")
