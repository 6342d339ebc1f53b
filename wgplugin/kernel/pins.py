"""Network namespaces that are kept by files, at which they are mounted.

Such a file is in a folder whose mounts are the host's, too. So the namespace outlives the plugin
and dockerd, up to the host's next boot. Sources: mount(2), umount(2), ioctl_nsfs(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from pathlib import Path

from wgplugin.kernel.setns import apart, leave

_MS_BIND, _MNT_DETACH = 0x1000, 2
_NS_GET_NSTYPE, _CLONE_NEWNET = 0xB703, 0x40000000
_OWN = "/proc/thread-self/ns/net"
_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p)


class Pins:
    """The namespaces that are pinned in one folder, by name.

    Every method raises OSError if the kernel refuses.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        """Use a folder; it is made when it is needed.

        ``owner``: who pins here, as others may pin in the same folder.
        """
        self._folder = folder
        self._mark = f".{owner}."

    def names(self) -> frozenset[str]:
        """Return the names of the owner's pins, and of those before the host's last boot."""
        marks = self._folder.glob(f"{self._mark}*")
        return frozenset(mark.name.removeprefix(self._mark) for mark in marks)

    def open(self, name: str) -> int | None:
        """Return a descriptor of a pinned namespace; None if there is none."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if _is_network(descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def make(self, name: str) -> int:
        """Pin a new namespace; return its descriptor."""

        def make() -> int:
            leave()
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

        descriptor = apart(make)
        try:
            self.pin(name, descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def pin(self, name: str, descriptor: int) -> None:
        """Pin the namespace of a descriptor."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name
        for file in (self._marked(name), path):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o600))
        source = f"/proc/self/fd/{descriptor}"
        _check(_libc.mount(source.encode(), bytes(path), None, _MS_BIND, None))

    def delete(self, name: str) -> None:
        """Give a namespace up, which ends once nobody else uses it; a missing one is no error."""
        path = self._folder / name
        try:
            # One mount may lie over another.
            while True:
                _check(_libc.umount2(bytes(path), _MNT_DETACH))
        except OSError as error:
            if error.errno not in _NOT_MOUNTED:
                raise
        path.unlink(missing_ok=True)
        # A plugin that was removed may have left its own.
        for mark in self._folder.glob(f".*.{name}"):
            mark.unlink(missing_ok=True)

    def is_at(self, name: str, descriptor: int) -> bool:
        """Return whether the namespace of a descriptor is pinned under a name."""
        try:
            return os.path.samestat((self._folder / name).stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _marked(self, name: str) -> Path:
        """Return the file that tells whose a pin is, which a mount would hide."""
        return self._folder / f"{self._mark}{name}"


def _is_network(descriptor: int) -> bool:
    """Return whether a file stands for a network namespace; an ordinary one knows no such call."""
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return False


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
