"""Runs the plugin in its root, and records the callbacks that hold up its event loop.

The file /stalls gets a line for each callback of more than a millisecond: its start, by the
monotonic clock, and its duration, both in seconds.
"""

import asyncio
import os
import runpy
import time

NOTABLE = 0.001

file = os.open("/stalls", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
run = asyncio.Handle._run


def timed_run(handle: asyncio.Handle) -> None:
    """Run a callback, and record it if it took long."""
    began = time.monotonic()
    run(handle)
    took = time.monotonic() - began
    if took > NOTABLE:
        os.write(file, f"{began} {took}\n".encode())


asyncio.Handle._run = timed_run  # type: ignore[assignment, method-assign]
runpy.run_module("wgplugin.start", run_name="__main__", alter_sys=True)
