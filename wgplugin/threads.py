"""Blocking work off the event loop, whose end is always known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Callable[..., T], *args: Any, executor: Executor | None = None) -> T:
    """Run ``work`` in a thread and return what it returns.

    A thread can't be interrupted: a caller that is cancelled gets its CancelledError when the
    work is over, so that it can undo what was done.
    """
    call = asyncio.get_running_loop().run_in_executor(executor, partial(work, *args))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise
