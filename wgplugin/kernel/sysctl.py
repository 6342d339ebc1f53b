"""Settings of a network namespace that only files below /proc/sys have.

The plugin's own /proc/sys is read-only. A proc(5) of its own, mounted nowhere, isn't: fsopen(2),
fsmount(2), from Linux 5.2 on. It has the settings of the namespace of the thread that opens a file.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import PurePath

IPV6_FORWARDING = PurePath("net/ipv6/conf/all/forwarding")

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
"""Numbers of system calls, the same on every architecture."""

_FSOPEN_CLOEXEC, _FSMOUNT_CLOEXEC, _CONFIG_CREATE = 1, 1, 6

_libc = ctypes.CDLL(None, use_errno=True)


def write(setting: PurePath, value: str) -> None:
    """Set a setting, given by its path below /proc/sys, in this thread's network namespace.

    Raises:
        OSError: the kernel refuses.
    """
    with contextlib.ExitStack() as opened:
        context = _call(_FSOPEN, b"proc", _FSOPEN_CLOEXEC)
        opened.callback(os.close, context)
        _call(_FSCONFIG, context, _CONFIG_CREATE, None, None, 0)
        mount = _call(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
        opened.callback(os.close, mount)
        file = os.open("sys" / setting, os.O_WRONLY | os.O_CLOEXEC, dir_fd=mount)
        opened.callback(os.close, file)
        os.write(file, value.encode())


def _call(number: int, *arguments: bytes | int | None) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
