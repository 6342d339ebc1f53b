"""A reader's host: the plugin under the names that the documents give it, and nothing else."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.documents import ROOT
from tests.e2e.commands import run
from tests.e2e.docker import docker

CONFIGURATIONS = Path("/etc/wireguard")
EDITIONS = {"base": "wireguard:latest", "live": "wireguard:live"}

KINDS = {"container": ("--all",), "network": (), "volume": (), "plugin": ()}
REMOVE = {kind: (kind, "rm", "--force") for kind in KINDS} | {"network": ("network", "rm")}


def named(text: str) -> set[str]:
    """Return the editions whose plugins a text names."""
    return {edition for edition, plugin in EDITIONS.items() if plugin in text}


def install(editions: Iterable[str]) -> None:
    """Have these editions of the plugin installed, with /etc/wireguard."""
    for edition in sorted(set(editions) - _installed()):
        run("make", "install", f"EDITION={edition}", f"CONFIG_DIR={CONFIGURATIONS}")


def uninstall(editions: Iterable[str]) -> None:
    """Have none of these editions of the plugin installed."""
    for edition in set(editions) & _installed():
        docker("plugin", "rm", "--force", EDITIONS[edition])


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a reader at a shell who is root; folder is for its files."""
    sudo = folder / "bin" / "sudo"
    sudo.parent.mkdir(exist_ok=True)
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    return {"PATH": f"{sudo.parent}:{os.environ['PATH']}", "HOME": str(folder)}


def checkout(folder: Path) -> Path:
    """Return a new folder there that looks like the checkout, and keeps what is written to it."""
    new = folder / "checkout"
    new.mkdir()
    for path in ROOT.iterdir():
        (new / path.name).symlink_to(path)
    return new


@contextmanager
def left_as_found() -> Iterator[None]:
    """Start with no configuration, and remove afterwards what the block made in Docker."""
    found = {kind: _ids(kind) for kind in KINDS}
    _remove_configurations()
    try:
        yield
    finally:
        for kind, command in REMOVE.items():
            if made := _ids(kind) - found[kind]:
                docker(*command, *made)
        _remove_configurations()


def _installed() -> set[str]:
    return named(docker("plugin", "ls", "--format", "{{.Name}}"))


def _ids(kind: str) -> set[str]:
    return set(docker(kind, "ls", *KINDS[kind], "--quiet").split())


def _remove_configurations() -> None:
    run("find", str(CONFIGURATIONS), "-mindepth", "1", "-delete")
