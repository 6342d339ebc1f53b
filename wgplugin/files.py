"""Reads files that may turn out to be anything, in limited time and memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wgplugin.codes import Code
from wgplugin.errors import FileError

PIECE = 16 * 1024


def read_file(path: Path, max_size: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        FileNotFoundError: it doesn't exist.
        FileError: it can't be read, isn't a regular file, or is larger than ``max_size`` bytes.
    """
    try:
        # Check first: opening a device may have effects. O_NONBLOCK: a FIFO may come in between.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileError(Code.NOT_A_FILE, "isn't a file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileError(Code.NOT_A_FILE, "isn't a file")
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


def _read(descriptor: int, at_most: int) -> bytes:
    # A buffer for the largest file would cost more time than a usual file takes to read.
    data = bytearray()
    while len(data) < at_most and (piece := os.read(descriptor, PIECE)):
        data += piece
    return bytes(data)
