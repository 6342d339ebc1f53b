"""Blocking work in threads, one piece at a time and with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

Submit = Callable[[Callable[[], Any]], "Future[Any]"]
"""Begins work in a thread as soon as one is free: Executor.submit()."""


class NotDoneError(Exception):
    """Raised when work isn't done, or not in time; ``str()`` is what whoever does it does."""


class Turns:
    """Does pieces of work, each after the end of the one before.

    A thread can't be interrupted. So work that takes longer than ``limit`` seconds goes on, and
    until it ends, no other is done. One Turns may wait while another one's work goes on.
    """

    __slots__ = ("_is_late", "_is_over", "_job", "_limit", "_lock", "_submit")

    def __init__(self, submit: Submit, limit: float) -> None:
        self._submit = submit
        self._limit = limit
        self._lock = asyncio.Lock()
        self._job: Future[Any] | None = None
        self._is_late = False
        self._is_over = False

    async def run(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        """Do ``work`` and return its result; if this is cancelled, the work goes on.

        Raises:
            NotDoneError: this work, or one before it, doesn't end in time, or end() was called.
        """
        async with self._lock:
            if self._job:
                await self._wait(self._job)
            if self._is_over:
                raise NotDoneError("is closed")
            job: Future[T] = self._submit(partial(work, *args, **options))
            self._job, self._is_late = job, False
            await self._wait(job)
            self._job = None
            return job.result()

    def end(self) -> None:
        """Begin no other work; the present one goes on."""
        self._is_over = True

    async def _wait(self, job: Future[Any]) -> None:
        """Wait for the end of a job."""
        if job.done():
            return
        if not self._is_late:
            ended = asyncio.wrap_future(job)
            ended.add_done_callback(_take_note)
            await asyncio.wait([ended], timeout=self._limit)
            if job.done():
                return
            # What hasn't begun by now never will.
            self._is_late = not job.cancel()
        raise NotDoneError("doesn't answer")


def _take_note(ended: asyncio.Future[Any]) -> None:
    """Read a result that nobody may ask for; asyncio would report that as a mistake."""
    if not ended.cancelled():
        ended.exception()
