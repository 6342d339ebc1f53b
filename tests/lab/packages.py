"""The Debian packages this machine needs for what the lab is about to do."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from . import cache
from .progress import LabError, run_logged, step

# Package: a command on the PATH, or a file, that tells it is installed.
EVIDENCE = {
    "bc": "bc",
    "bison": "bison",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "e2fsprogs": "mke2fs",
    "flex": "flex",
    "gcc": "gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "make": "make",
    "mmdebstrap": "mmdebstrap",
    "xz-utils": "xz",
}
# Where mke2fs is, though not on every user's PATH.
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

# What runs so leaves nothing running or mounted, however it ends.
OWN_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
MMDEBSTRAP = ("mmdebstrap", "debian-archive-keyring")


def require(packages: Iterable[str], install: bool) -> None:
    """Make sure that something can be made that takes `packages`; nothing to make takes none.

    With `install`, missing packages are installed. Raises LabError, with the command that
    installs them, or if not run by root.
    """
    wanted = set(packages)
    if wanted:
        require_root("what is to be made first")
    missing = sorted(package for package in wanted if not _is_installed(package))
    if not missing:
        return
    command = ["apt-get", "install", "--no-install-recommends", "-y", *missing]
    if not install:
        raise LabError(
            f"missing on this machine: {', '.join(missing)}; install with\n"
            f"    {shlex.join(command)}\nor let the lab do it: --install, or INSTALL=yes"
        )
    log = cache.log_file("packages")
    with step(f"installing {', '.join(missing)}"):
        run_logged(["apt-get", "update"], log)
        run_logged(["env", "DEBIAN_FRONTEND=noninteractive", *command], log)


def require_root(what: str) -> None:
    """Raise LabError unless run by root; `what` is what root is needed for."""
    if os.geteuid() != 0:
        raise LabError(f"{what} needs root: start it with sudo")


def bootstrap(
    suite: str, to: Path, include: Iterable[str], log: Path, *options: str | Path
) -> None:
    """Fill `to`, a new folder or tar file, with packages of a Debian suite; raises LabError.

    The packages come from the machine's own Debian mirror; `options` are mmdebstrap's.
    """
    # Its temporary folder goes with the new entry's if it is interrupted.
    mmdebstrap = [*OWN_NAMESPACES, "env", f"TMPDIR={to.parent}", "mmdebstrap"]
    selection = [f"--include={package}" for package in include]
    run_logged([*mmdebstrap, *selection, *options, suite, to, *mirror()], log)


def mirror() -> list[str]:
    """Return the machine's own Debian mirror; [], so mmdebstrap's default, if apt knows none."""
    fields = "$(ORIGIN) $(LABEL) $(SITE)"
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for line in targets.stdout.splitlines():
        origin, label, site = line.split(" ", 2)
        if (origin, label) == ("Debian", "Debian"):
            return [site]
    return []


def _is_installed(package: str) -> bool:
    evidence = EVIDENCE[package]
    if evidence.startswith("/"):
        return Path(evidence).exists()
    return shutil.which(evidence, path=SEARCH_PATH) is not None
