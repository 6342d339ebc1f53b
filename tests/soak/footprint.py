"""What a process takes of the machine."""

from dataclasses import dataclass
from pathlib import Path

# What a start of further threads may take; a leak of a KiB a container shows in thousands of them.
MORE_MEMORY = 2048
MORE_FILES = 10


@dataclass(frozen=True)
class Footprint:
    """Resident memory in KiB, and open file descriptors."""

    memory: int
    files: int


def footprint(process: int) -> Footprint:
    """Return what a process takes now."""
    folder = Path("/proc", str(process))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return Footprint(int(status["VmRSS"].split()[0]), len(list((folder / "fd").iterdir())))


@dataclass(frozen=True)
class Leftovers:
    """How many links the host has, and mounts that keep network namespaces."""

    links: int
    namespaces: int


def leftovers() -> Leftovers:
    """Return what the host has now."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    links = len(list(Path("/sys/class/net").iterdir()))
    return Leftovers(links, sum(" - nsfs " in mount for mount in mounts))


def assert_flat(before: Footprint, after: Footprint) -> None:
    """The process takes what it took before, but for what its threads do."""
    print(f"memory {before.memory} -> {after.memory} KiB, files {before.files} -> {after.files}")
    assert after.memory <= before.memory + MORE_MEMORY
    assert after.files <= before.files + MORE_FILES
