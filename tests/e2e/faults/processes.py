"""Ending a process for certain."""

import os
import select
import signal

from tests.e2e.commands import TIMEOUT


def end(process: int, number: signal.Signals) -> None:
    """Send a process a signal, and wait until it is no more."""
    handle = os.pidfd_open(process)
    try:
        signal.pidfd_send_signal(handle, number)
        gone, _, _ = select.select([handle], [], [], TIMEOUT)
    finally:
        os.close(handle)
    assert gone, f"process {process} is still there {TIMEOUT:g} s after {number.name}"
