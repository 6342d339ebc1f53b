"""Root file systems: one Debian suite with its Docker, as a folder and as a disk."""

from pathlib import Path

from . import cache, packages
from .progress import run_logged, step
from .releases import Release

DISK_SIZE = "8G"
# The rest of init comes with each run, so that a change of it needs no new disk.
INIT = """\
#!/bin/sh
mount -t hostfs none /lab -o "$LAB_CONTROL"
exec /lab/init
"""
FILES = {
    "init": INIT,
    "etc/hostname": "lab\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab\n::1 localhost ip6-localhost ip6-loopback\n",
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
}
MOUNT_POINTS = ("lab", "src")


def needs(release: Release) -> tuple[str, ...]:
    """Return the host packages that making this release takes; () if it is cached."""
    if cache.path_of(_kind(release), _recipe(release)).exists():
        return ()
    return (*packages.MMDEBSTRAP, "e2fsprogs")


def disk(release: Release) -> Path:
    """Return the release's disk image, made if it isn't cached; raises LabError."""
    return _entry(release) / "disk.img"


def tree(release: Release) -> Path:
    """Return the release's root folder, made if it isn't cached; raises LabError."""
    return _entry(release) / "tree"


def _entry(release: Release) -> Path:
    def make(new: Path) -> None:
        log = cache.log_file(_kind(release))
        with step(f"disk with Docker {release.docker}: making (a minute or two, once)"):
            root = new / "tree"
            apt_options = [f"--aptopt={option}" for option in release.apt_options]
            options = ["--variant=minbase", *apt_options]
            packages.bootstrap(release.suite, root, release.packages, log, *options)
            for name in MOUNT_POINTS:
                (root / name).mkdir()
            for name, text in FILES.items():
                (root / name).unlink(missing_ok=True)
                (root / name).write_text(text)
            (root / "init").chmod(0o755)
            image = new / "disk.img"
            run_logged(["mke2fs", "-q", "-t", "ext4", "-d", root, "-F", image, DISK_SIZE], log)

    return cache.entry(_kind(release), _recipe(release), make)


def _kind(release: Release) -> str:
    return f"root-{release.suite}"


def _recipe(release: Release) -> str:
    return repr((release, FILES, MOUNT_POINTS, DISK_SIZE))
