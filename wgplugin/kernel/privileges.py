"""Limits the process to the privileges that it needs, by prctl(2) and capset(2)."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterable
from typing import Any

CAP_DAC_OVERRIDE = 1
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_SYS_ADMIN = 21

NEEDED = (CAP_NET_ADMIN, CAP_DAC_OVERRIDE)
"""The first for devices, the second for configuration files of other users than root."""

NEEDED_LIVE = (*NEEDED, CAP_SYS_ADMIN, CAP_NET_BIND_SERVICE)
"""Also for containers' namespaces, and for ports below 1024: a router's, and published ones."""

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """Capabilities 0 to 31, then 32 to 63: __user_cap_data_struct of linux/capability.h, twice."""

    _fields_ = tuple(
        (f"{name}_{half}", ctypes.c_uint32)
        for half in (0, 1)
        for name in ("effective", "permitted", "inheritable")
    )


def drop(needed: Iterable[int] = NEEDED) -> None:
    """Give up all capabilities except ``needed``, new privileges by execve(2), and core dumps.

    A thread inherits its capabilities from the one that starts it. So call this before any thread
    starts.

    Raises:
        OSError: the kernel refuses.
    """
    needed = tuple(needed)
    for number in range(_CAPABILITIES):
        # prctl(2) returns -1 for a number that this kernel doesn't know.
        if number not in needed and _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            _call(_libc.prctl, _PR_CAPBSET_DROP, number, 0, 0, 0)
    _call(_libc.prctl, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call(_libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), _Sets()
    _call(_libc.capget, ctypes.byref(header), ctypes.byref(sets))
    kept = sum(1 << number for number in needed) & sets.permitted_0
    sets = _Sets(effective_0=kept, permitted_0=kept)
    _call(_libc.capset, ctypes.byref(header), ctypes.byref(sets))
    # No core dump and no ptrace(2): the memory holds keys.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _call(_libc.prctl, _PR_SET_DUMPABLE, 0, 0, 0, 0)


_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def _call(function: Any, *arguments: object) -> None:
    if function(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function.__name__}: {os.strerror(error)}")
