"""Whether what is mounted below a folder is mounted on the host, too.

mountinfo can't tell. Where the host's / isn't shared, runc makes the plugin's mounts members of a
group without the host, and they look the same. So something is mounted there. Sources: mount(2),
mount_namespaces(7), open_tree(2), move_mount(2), inotify(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = "wgplugin"
"""The folder of the plugin's own mounts, below the host's /run/docker."""

PROBE = ".shared"
"""What is mounted there: it stays on the host, where the next start of the plugin finds it."""

MOUNTS = Path("/proc/thread-self/mountinfo")

_OPEN_TREE, _MOVE_MOUNT = 428, 429
"""Numbers of system calls, the same on every architecture, from Linux 5.2 on."""

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_SLAVE = 2, 4, 8, 1 << 19
_AT_FDCWD, _CLONE, _CLOEXEC, _FROM_EMPTY_PATH = -100, 1, 0o2000000, 4
_IN_DELETE_SELF = 0x400

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)


def mount_options(folder: Path) -> list[str] | None:
    """Return how the mount at a folder is shared with others, None if there is no mount.

    These are proc_pid_mountinfo(5)'s optional fields, such as "shared:1". Raises OSError if the
    mounts can't be read.
    """
    mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    found = [mount for mount in mounts if mount[4] == str(folder)]
    return found[-1][6 : found[-1].index("-", 6)] if found else None


def is_shared(mount: Path) -> bool:
    """Return whether mounts below `FOLDER` in a mount are the host's; call this once.

    ``mount`` then still gets the host's mounts, but passes its own on only below `FOLDER`.

    Raises:
        OSError: the kernel refuses.
    """
    folder, probe = mount / FOLDER, mount / FOLDER / PROBE
    if mount_options(probe) is not None:
        # It was made by an earlier start, in another mount namespace.
        return True
    folder.mkdir(mode=0o700, exist_ok=True)
    probe.mkdir(mode=0o700, exist_ok=True)
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _check(_libc.mount(b"none", bytes(probe), b"tmpfs", flags, b"size=4k,mode=700"))
    with _watched(probe) as watch:
        # The clone passes mounts on as before; the probe is not in it.
        clone = _check(_libc.syscall(_OPEN_TREE, _AT_FDCWD, bytes(folder), _CLONE | _CLOEXEC))
        try:
            # What happens in a slave stays there. So this ends the probe, unless the host has it.
            _check(_libc.mount(None, bytes(mount), None, _MS_SLAVE, None))
            _check(_libc.umount2(bytes(probe), 0))
            to = (_AT_FDCWD, bytes(folder), _FROM_EMPTY_PATH)
            _check(_libc.syscall(_MOVE_MOUNT, clone, b"", *to))
        finally:
            os.close(clone)
        return not _has_ended(watch)


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[int]:
    """Watch a folder for the end of its file system, which is told before umount(2) returns."""
    watch = _check(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        _check(_libc.inotify_add_watch(watch, bytes(folder), _IN_DELETE_SELF))
        yield watch
    finally:
        os.close(watch)


def _has_ended(watch: int) -> bool:
    try:
        return bool(os.read(watch, 4096))
    except BlockingIOError:
        return False


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
