"""Releases, as `make release` pushes them."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.commands import run
from tests.e2e.docker import docker
from tests.e2e.sources import copy_sources

# Docker packs the plugin anew for each of six tags.
TIMEOUT = 900.0


@dataclass(frozen=True)
class Release:
    """A release in a registry."""

    repository: str
    version: str
    pushed: dict[str, str]
    """The tags that it said it pushed, and their digests."""

    def reference(self, tag: str) -> str:
        """Return the name under which Docker finds a tag."""
        return f"{self.repository}:{tag}"


@dataclass(frozen=True)
class Upgrade:
    """The names of a release and of a newer one, and what the newer one's description has."""

    older: str
    newer: str
    description: str


def make_release(folder: Path, version: str, arch: str, repository: str) -> Release:
    """Release this checkout's plugin under a version, from a copy in a new folder.

    The build is this machine's; ``arch`` is what it is said to be for.
    """
    sources = copy_sources(folder, version, arch)
    variables = {"VERSION": version, "REPOSITORY": repository, "ARCHES": arch}
    said = run(*sources.make("release", **variables), timeout=TIMEOUT)
    pushed = re.findall(r"^(\S+) (sha256:[0-9a-f]{64})$", said, re.MULTILINE)
    return Release(repository, version, dict(pushed))


def push_live(tag: str, repository: str) -> str:
    """Push this checkout's live edition alone, without a release's other tags; return its name."""
    name = f"{repository}:{tag}"
    run("plugin/create.sh", name, "live", "build/rootfs.tar")
    docker("plugin", "push", name)
    docker("plugin", "rm", name)
    return name
