"""Reading files of which nothing is sure but the name, in bounded time and memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wgplugin.codes import Code
from wgplugin.errors import FileError


def read_file(path: Path, max_size: int) -> bytes:
    """Return the content of a file that may turn out to be anything.

    Raises:
        FileNotFoundError: it isn't there.
        FileError: it can't be read, is no regular file, or is larger than ``max_size`` bytes.
    """
    try:
        # To open a device may do something, so that is asked before; a FIFO put there in between
        # would block for ever without O_NONBLOCK.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileError(Code.NOT_A_FILE, "isn't a file")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileError(Code.NOT_A_FILE, "isn't a file")
            data = file.read(max_size + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileError(Code.UNREADABLE, f"can't be read: {error.strerror}") from None
    if len(data) > max_size:
        raise FileError(Code.TOO_LARGE, f"is larger than {max_size} bytes")
    return data
