"""The log: lines on standard output, which Docker copies into its own log.

With live-restore the plugin runs on while Docker is stopped, and nobody reads the pipe. Once the
pipe is full, lines are dropped: a plugin that waits for its log would serve no one.
"""

from __future__ import annotations

import logging
import os
import select
import stat

from wgplugin.redact import without_keys


class LogHandler(logging.Handler):
    """Writes to a file descriptor without waiting, and logs the number of lines lost."""

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor``, which the caller closes."""
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._descriptor = descriptor
        self._lost = 0
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.set_blocking(descriptor, False)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record without keys; a traceback takes several lines."""
        for line in self.format(record).splitlines():
            self._write(without_keys(line))

    def _write(self, line: str) -> None:
        lost = f"WARNING {__name__}: {self._lost} lines lost, as nobody read the log\n"
        try:
            if self._lost:
                os.write(self._descriptor, lost.encode())
                self._lost = 0
            # A pipe takes up to PIPE_BUF bytes as a whole or not at all (pipe(7)).
            data = line.encode(errors="backslashreplace")[: select.PIPE_BUF - 1]
            os.write(self._descriptor, data + b"\n")
        except OSError:
            self._lost += 1
