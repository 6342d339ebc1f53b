"""Runs the plugin in its root, and times the stages of an attachment.

At SIGUSR1 it writes the file /stages: JSON with the calls and total seconds of each target.
"""

import functools
import inspect
import json
import runpy
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

TARGETS = sys.argv.pop(1).split(",")

calls = dict.fromkeys(TARGETS, 0)
seconds = dict.fromkeys(TARGETS, 0.0)


def timed(target: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return `work` with its calls counted and timed."""

    def note(began: float) -> None:
        calls[target] += 1
        seconds[target] += time.perf_counter() - began

    @functools.wraps(work)
    async def timed_coroutine(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await work(*args, **kwargs)
        finally:
            note(began)

    @functools.wraps(work)
    def timed_function(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*args, **kwargs)
        finally:
            note(began)

    return timed_coroutine if inspect.iscoroutinefunction(work) else timed_function


def write(*_: object) -> None:
    """Write the counts, atomically by a rename, and start again from zero."""
    draft = Path("/stages.new")
    draft.write_text(json.dumps({target: (calls[target], seconds[target]) for target in TARGETS}))
    draft.rename("/stages")
    calls.update(dict.fromkeys(TARGETS, 0))
    seconds.update(dict.fromkeys(TARGETS, 0.0))


for target in TARGETS:
    module, _, path = target.partition(":")
    *outer, name = path.split(".")
    owner = functools.reduce(getattr, outer, import_module(module))
    setattr(owner, name, timed(target, getattr(owner, name)))
signal.signal(signal.SIGUSR1, write)
runpy.run_module("wgplugin.start", run_name="__main__", alter_sys=True)
