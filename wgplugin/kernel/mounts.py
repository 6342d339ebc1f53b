"""Notices of mounts, by proc_pid_mountinfo(5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")


class MountNotices:
    """The kernel's notices of mounts that come and go in this process's mount namespace."""

    def __init__(self) -> None:
        self._poll: select.epoll | None = None
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait for the next change since this returned; the first time, don't wait.

        Raises:
            OSError: the kernel gives no notices.
        """
        if self._poll is None:
            self._poll = self._watch()
        await self._changed.wait()
        self._changed.clear()

    def _watch(self) -> select.epoll:
        # The event loop would wait until the file can be read, which is always so. A change is told
        # as a priority event instead; so an epoll of its own, within the loop's, waits for that.
        with contextlib.ExitStack() as opened:
            descriptor = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, descriptor)
            poll = opened.enter_context(select.epoll())
            poll.register(descriptor, select.EPOLLPRI)
            asyncio.get_running_loop().add_reader(poll.fileno(), self._take)
            # Both stay, or neither.
            opened.pop_all()
        self._changed.set()
        return poll

    def _take(self) -> None:
        if self._poll:
            self._poll.poll(0)
        self._changed.set()
