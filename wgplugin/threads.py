"""Blocking work in a thread, off the event loop, that its caller always sees end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Callable[..., T], *args: Any, executor: Executor | None = None) -> T:
    """Run ``work`` in a thread and return its result.

    A thread can't be interrupted. So a cancelled caller gets its CancelledError only when the work
    is over, and can undo it.
    """
    call = asyncio.get_running_loop().run_in_executor(executor, partial(work, *args))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise
