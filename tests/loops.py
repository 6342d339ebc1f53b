"""Event loops that do everything in one order, and in no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class LoopWithoutThreads(asyncio.SelectorEventLoop):
    """Runs what is meant for a thread in a step of its own; so a run can be repeated exactly."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, function: Callable[..., Any], *arguments: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(function(*arguments))
            except Exception as error:
                future.set_exception(error)

        self.call_soon(work)
        return future


class VirtualTimeLoop(LoopWithoutThreads):
    """Has a clock of its own, which jumps to the next timer as soon as nothing else is to be done.

    What the kernel has to tell comes before that. With no timer left to jump to, waiting fails.
    """

    def __init__(self) -> None:
        super().__init__(_Jumping(self._jump))
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("all wait for each other")
        if not ready and timeout:
            self._jump(timeout)
        return ready


VIRTUAL_TIME = ("asyncio", {"loop_factory": VirtualTimeLoop})
"""The backend of tests that are coroutines, in which no wait takes time."""
