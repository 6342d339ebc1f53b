"""Enters network namespaces, and checks whether containers' can be entered.

Sources: setns(2), unshare(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from wgplugin.kernel.sharing import is_shared, mount_options

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/thread-self/ns/net")

_libc = ctypes.CDLL(None, use_errno=True)


def trouble(folder: Path) -> str:
    """Return why containers' namespaces can't be entered; empty if they can.

    ``folder`` is where the host's /run/docker should be mounted. Later mounts there on the host
    must appear here, too, as Docker mounts a file for each namespace; and those of the plugin must
    appear on the host, where they outlive it. Call this once: see sharing.is_shared().
    """
    try:
        options = mount_options(folder)
    except OSError as error:
        return f"the mounts can't be read: {error}"
    if options is None:
        return f"the host's /run/docker isn't mounted at {folder}"
    try:
        apart(_enter_own)
    except OSError as error:
        return f"no namespace can be entered, which takes CAP_SYS_ADMIN: {error.strerror}"
    try:
        is_alike = is_shared(folder)
    except OSError as error:
        return f"nothing can be mounted below {folder}: {error.strerror}"
    if not is_alike:
        return "the host's / isn't shared (try: mount --make-rshared /, then restart the plugin)"
    return ""


def apart(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread of its own, which may leave its namespace for good."""
    with ThreadPoolExecutor(1) as worker:
        return worker.submit(work).result()


def leave() -> None:
    """Move this thread into a new network namespace, which ends with the thread.

    Raises:
        OSError: the kernel refuses.
    """
    _check(_libc.unshare(_CLONE_NEWNET))


def enter(namespace: int) -> None:
    """Move this thread into the network namespace of a file descriptor.

    Raises:
        OSError: the kernel refuses; EINVAL if the file isn't a namespace's.
    """
    _check(_libc.setns(namespace, _CLONE_NEWNET))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open the file that stands for a namespace; the value is its descriptor.

    Raises:
        OSError: the file isn't there, or can't be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Visitor:
    """A thread that does work in other network namespaces, and is at home in between."""

    def __init__(self) -> None:
        self._thread = _one_thread()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Begin ``work`` in the thread."""
        return self._thread.submit(work)

    def visit(self, namespace: int, work: Callable[[], T]) -> T:
        """Do ``work`` in the namespace of a file descriptor; call this in the thread itself.

        Raises:
            OSError: the namespace can't be entered.
        """
        with opened(_OWN) as home:
            enter(namespace)
            try:
                return work()
            finally:
                self._return(home)

    def _return(self, home: int) -> None:
        try:
            enter(home)
        except OSError:
            # This thread must do nothing more, as it stays in the container.
            self._thread.shutdown(wait=False)
            self._thread = _one_thread()


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="visitor")


def _enter_own() -> None:
    with opened(_OWN) as namespace:
        enter(namespace)


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
