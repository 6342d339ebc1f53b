"""Runs in the plugin's root: the plugin, with a note of each callback that holds its event loop.

In the file /stalls is a line for each that took longer than a millisecond: when it began, by the
monotonic clock, and how long it took, in seconds.
"""

import asyncio
import os
import runpy
import time

NOTABLE = 0.001

file = os.open("/stalls", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
run = asyncio.Handle._run


def timed_run(handle: asyncio.Handle) -> None:
    """Run a callback and note it."""
    began = time.monotonic()
    run(handle)
    took = time.monotonic() - began
    if took > NOTABLE:
        os.write(file, f"{began} {took}\n".encode())


asyncio.Handle._run = timed_run  # type: ignore[assignment, method-assign]
runpy.run_module("wgplugin", run_name="__main__", alter_sys=True)
