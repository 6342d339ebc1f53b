"""The kernel's notices of changes in folders: inotify(7).

Only a file system whose changes all go through this kernel tells of all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

# From linux/inotify.h.
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF, _ONLYDIR = 0x100, 0x200, 0x400, 0x800, 0x1000000
_MASK = (
    (_MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO)
    | (_CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF)
    | _ONLYDIR
)
_OVERFLOW = -1
"""In place of a watch: the queue was full, and notices were lost."""
_EVENT = struct.Struct("=iIII")
_SIZE = 65536

LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)
"""File systems that no other machine changes. One that isn't here may be shared."""

_libc = ctypes.CDLL(None, use_errno=True)


class FolderWatch:
    """The FolderNotices of this host; see `FolderNotices` for the methods."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._watches: dict[int, bool] = {}
        """By watch: whether its file system is local."""
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def watch(self, folders: Collection[str]) -> bool:
        """See `FolderNotices`; to be called in the event loop that waits for the changes."""
        if not self._is_open():
            return False
        found, told = {}, True
        for folder in folders:
            # A folder that is watched already has the same watch again.
            watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _MASK)
            if watch < 0:
                told = False
            else:
                known = self._watches.get(watch)
                found[watch] = _is_local(folder) if known is None else known
        for watch in self._watches.keys() - found.keys():
            _libc.inotify_rm_watch(self._descriptor, watch)
        self._watches = found
        return told and all(found.values())

    async def changed(self) -> frozenset[str]:
        """See `FolderNotices`."""
        await self._some.wait()
        self._some.clear()
        names, self._names = frozenset(self._names), set()
        return names

    def close(self) -> None:
        """Take no more notice."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
        self._descriptor, self._watches = -1, {}

    def _is_open(self) -> bool:
        if self._descriptor < 0:
            self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if self._descriptor >= 0:
                asyncio.get_running_loop().add_reader(self._descriptor, self._take)
        return self._descriptor >= 0

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for watch, name in events(os.read(self._descriptor, _SIZE)):
                # What a watch has left in the queue comes even after its end.
                if watch == _OVERFLOW or watch in self._watches:
                    self._names.add(name)
                    self._some.set()


def events(data: bytes) -> Iterator[tuple[int, str]]:
    """Parse what the kernel has written: the watch of each event, and the name of its file."""
    place = 0
    while place < len(data):
        watch, _, _, length = _EVENT.unpack_from(data, place)
        place += _EVENT.size
        yield watch, os.fsdecode(data[place : place + length].rstrip(b"\0"))
        place += length


def file_system(mount: str, mounts: str) -> str:
    """Return the type of the file system of a mount; empty if the mount isn't there.

    ``mount`` is its id, and ``mounts`` is the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
    """
    for line in mounts.splitlines():
        if line.startswith(f"{mount} "):
            return line.partition(" - ")[2].partition(" ")[0]
    return ""


def _is_local(folder: str) -> bool:
    try:
        return file_system(_mount(folder), _read("/proc/self/mountinfo")) in LOCAL
    except OSError:
        return False


def _mount(folder: str) -> str:
    """Return the id of the mount that has a folder; see proc_pid_fdinfo(5)."""
    descriptor = os.open(folder, os.O_PATH)
    try:
        information = _read(f"/proc/self/fdinfo/{descriptor}")
    finally:
        os.close(descriptor)
    return information.partition("mnt_id:")[2].split()[0]


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace")
