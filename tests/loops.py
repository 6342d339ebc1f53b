"""An event loop that does everything in one order: work for threads is done between its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class LoopWithoutThreads(asyncio.SelectorEventLoop):
    """Runs what is meant for a thread in a step of its own; so a run can be repeated exactly."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, function: Callable[..., Any], *arguments: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def work() -> None:
            try:
                future.set_result(function(*arguments))
            except Exception as error:
                future.set_exception(error)

        self.call_soon(work)
        return future
