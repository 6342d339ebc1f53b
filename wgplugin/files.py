"""Reads files that may turn out to be anything, in limited time and memory; keeps names on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wgplugin.codes import Code
from wgplugin.errors import FileError

PIECE = 16 * 1024


def read_file(path: Path, max_size: int, within: Path | None = None) -> bytes:
    """Return the content of a regular file; a link to one mustn't lead out of ``within``.

    Raises:
        FileNotFoundError: it doesn't exist.
        FileError: it can't be read, isn't a regular file, is larger than ``max_size`` bytes, or is
            a link that leads out of the folder.
    """
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            if within and not _resolved(path).is_relative_to(_resolved(within)):
                raise FileError(Code.LINK_OUT, "is a link that leads out of the folder")
            status = path.stat()
        # Check first: opening a device may have effects. O_NONBLOCK: a FIFO may come in between.
        _expect_regular(status)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _expect_regular(os.fstat(descriptor))
            data = _read(descriptor, max_size + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileError(Code.UNREADABLE, f"can't be read: {error.strerror}") from None
    if len(data) > max_size:
        raise FileError(Code.TOO_LARGE, f"is larger than {max_size} bytes")
    return data


def stamp(path: Path) -> tuple[int, ...]:
    """Return what changes with a file's content, at a small part of the cost of reading it.

    That is its status, or the number of the error in asking for it. The file is opened, as only
    then a network file system asks its server (nfs(5), close-to-open cache consistency).
    """
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        return (error.errno or 0,)
    times = status.st_mtime_ns, status.st_ctime_ns
    return (status.st_dev, status.st_ino, status.st_size, *times)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, as after a rename (fsync(2)).

    Raises:
        OSError: the folder isn't there, or the disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _resolved(path: Path) -> Path:
    # Path.resolve() fails on a loop of links; which error it raises depends on Python's version.
    return Path(os.path.realpath(path))


def _expect_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileError(Code.NOT_A_FILE, "isn't a file")


def _read(descriptor: int, at_most: int) -> bytes:
    # A buffer for the largest file would cost more time than a usual file takes to read.
    data = bytearray()
    while len(data) < at_most and (piece := os.read(descriptor, PIECE)):
        data += piece
    return bytes(data)
