"""What lets User-Mode Linux run on this machine's processor; see xstate.c."""

from pathlib import Path

from . import cache
from .progress import run_logged, step

SOURCE = Path(__file__).with_suffix(".c")
BUILD_PACKAGES = ("gcc", "libc6-dev")


def needs() -> tuple[str, ...]:
    """Return the host packages that building the library takes; () if none is wanted."""
    if not _wanted() or cache.path_of("xstate", SOURCE.read_text()).exists():
        return ()
    return BUILD_PACKAGES


def environment() -> dict[str, str]:
    """Return the environment that a kernel must be started with.

    Raises LabError.
    """
    if not _wanted():
        return {}
    library = cache.entry("xstate", SOURCE.read_text(), _build) / "xstate.so"
    return {"LD_PRELOAD": str(library)}


def _wanted() -> bool:
    return " amx_tile" in Path("/proc/cpuinfo").read_text()


def _build(new: Path) -> None:
    with step("processor with AMX: building a library"):
        options = ["-shared", "-fPIC", "-O2", "-o"]
        run_logged(["gcc", *options, new / "xstate.so", SOURCE], cache.log_file("xstate"))
