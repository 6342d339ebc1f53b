"""Enters network namespaces, and checks whether containers' can be entered.

Sources: setns(2), unshare(2).
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def trouble(folder: Path) -> str:
    """Return why containers' namespaces can't be entered; empty if they can.

    ``folder`` is where the host's /run/docker should be mounted. Later mounts there on the host
    must appear here, too, as Docker mounts a file for each namespace.
    """
    try:
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError as error:
        return f"the mounts can't be read: {error}"
    found = [mount for mount in mounts if mount[4] == str(folder)]
    if not found:
        return f"the host's /run/docker isn't mounted at {folder}"
    if not any(option.startswith("master:") for option in found[-1][6:]):
        return "the host's / isn't shared (try: mount --make-rshared /, then restart the plugin)"
    with ThreadPoolExecutor(1) as worker:
        try:
            worker.submit(enter, Path("/proc/self/ns/net")).result()
        except OSError as error:
            return f"no namespace can be entered, which takes CAP_SYS_ADMIN: {error.strerror}"
    return ""


def leave() -> None:
    """Move this thread into a new network namespace, which ends with the thread.

    Raises:
        OSError: the kernel refuses.
    """
    _check(_libc.unshare(_CLONE_NEWNET))


def enter(path: Path) -> None:
    """Move this thread into the network namespace that a file stands for.

    Raises:
        OSError: the kernel refuses; EINVAL if the file isn't a namespace's.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(descriptor, _CLONE_NEWNET))
    finally:
        os.close(descriptor)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
