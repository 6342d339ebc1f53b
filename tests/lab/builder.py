"""The image builder: a private dockerd on this machine, for what needs the Internet."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from . import cache, packages, rootfs
from .machine import CHECKOUT, script
from .progress import LabError, killed_at_end, step, tail
from .releases import RELEASES

RELEASE = RELEASES["26.1"]
SESSION = Path(__file__).with_name("builder-init")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATES_IN_IMAGE = "/usr/local/share/lab.crt"
STOP_SECONDS = 30


def needs() -> tuple[str, ...]:
    """Return the host packages that making the builder takes; () if all of it is cached."""
    if CERTIFICATES.exists() and cache.path_of("builder", _recipe()).exists():
        return rootfs.needs(RELEASE)
    return ("ca-certificates", *packages.MMDEBSTRAP, *rootfs.needs(RELEASE))


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` as root in a chroot beside a dockerd of its own; returns its exit status.

    That dockerd has `debian:trixie-slim`, and keeps its images from one run to the next. Raises
    LabError if it doesn't come up.
    """
    tree = rootfs.tree(RELEASE)
    state = cache.entry("builder", _recipe(), _make)
    log = cache.log_file("builder-dockerd")
    with TemporaryDirectory(prefix="lab-") as control, cache.locked("builder-dockerd"):
        shutil.copy(SESSION, control)
        (Path(control) / "command").write_text(script(command, environment))
        settings = {
            "LAB_TREE": tree,
            "LAB_STATE": state,
            "LAB_SOURCE": CHECKOUT,
            "LAB_CONTROL": control,
            "LAB_DOCKERD_LOG": log,
            "LAB_CERTIFICATES": CERTIFICATES_IN_IMAGE,
        }
        session = subprocess.Popen(
            [*packages.OWN_NAMESPACES, "sh", f"{control}/{SESSION.name}"],
            env={"PATH": packages.SEARCH_PATH, **{name: str(settings[name]) for name in settings}},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        with killed_at_end(session):
            status = _wait(session)
        if not (Path(control) / "started").exists():
            raise LabError(f"dockerd did not come up; its log, {log}, ends with:{tail(log)}")
    return status


def _wait(session: subprocess.Popen[bytes]) -> int:
    try:
        return session.wait()
    finally:
        # Ends the command and dockerd, which then ends its containers.
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(session.pid, signal.SIGTERM)
            session.wait(STOP_SECONDS)


def _make(new: Path) -> None:
    log = cache.log_file("builder-image")
    with step("image debian:trixie-slim: making (once)"):
        packages.bootstrap(
            RELEASE.suite,
            new / "image.tar",
            [],
            log,
            "--variant=minbase",
            f"--customize-hook=upload {CERTIFICATES} {CERTIFICATES_IN_IMAGE}",
        )
    for name in ("changes", "root", "docker"):
        (new / name).mkdir()


def _recipe() -> str:
    certificates = hashlib.sha256(CERTIFICATES.read_bytes()).hexdigest()
    return repr((RELEASE.suite, packages.mirror(), CERTIFICATES_IN_IMAGE, certificates))
