"""The machines' kernel: User-Mode Linux with WireGuard, built from Debian's kernel source."""

import os
import shutil
from pathlib import Path

from . import cache, packages
from .progress import LabError, run_logged, step

SUITE = "trixie"
SOURCE = "linux-source-6.12"
CONFIG = Path(__file__).with_name("kernel.config")
BUILD_PACKAGES = ("bc", "bison", "flex", "gcc", "libc6-dev", "make", "xz-utils")


def needs() -> tuple[str, ...]:
    """Return the host packages that building the kernel takes; () if there is one already."""
    if os.environ.get("LAB_KERNEL") or cache.path_of("kernel", _recipe()).exists():
        return ()
    return (*packages.MMDEBSTRAP, *BUILD_PACKAGES)


def kernel() -> Path:
    """Return the kernel: the one that $LAB_KERNEL names, else the cached one, built if need be.

    Raises LabError.
    """
    if prebuilt := os.environ.get("LAB_KERNEL"):
        path = Path(prebuilt).absolute()
        if not os.access(path, os.X_OK):
            raise LabError(f"LAB_KERNEL: {path} is no program that can be run")
        return path
    return cache.entry("kernel", _recipe(), _build) / "linux"


def _build(new: Path) -> None:
    log = cache.log_file("kernel")
    source = new / "source"
    with step(f"kernel source {SOURCE}: unpacking"):
        packages.bootstrap(SUITE, source, [SOURCE], log, "--variant=extract")
        archive = source / "usr" / "src" / f"{SOURCE}.tar.xz"
        run_logged(["tar", "-C", source, "-xf", archive, "--strip-components=1"], log)
    with step("kernel: building (about 10 minutes, once)"):
        make = ["make", "ARCH=um", f"-j{os.cpu_count()}"]
        run_logged([*make, "defconfig"], log, source)
        merge = source / "scripts" / "kconfig" / "merge_config.sh"
        run_logged([merge, "-m", ".config", CONFIG], log, source)
        run_logged([*make, "olddefconfig"], log, source)
        run_logged([*make, "linux"], log, source)
        run_logged(["strip", "-o", new / "linux", source / "linux"], log)
    shutil.rmtree(source)


def _recipe() -> str:
    return repr((SUITE, SOURCE, CONFIG.read_text()))
