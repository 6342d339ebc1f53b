"""The log: one line each on standard output, which Docker copies into its own.

While Docker is stopped and the plugin isn't (live-restore), nobody reads the pipe. A line that
doesn't fit into it any more is dropped, as a plugin that waits for its log serves no one.
"""

from __future__ import annotations

import logging
import os
import select
import stat

from wgplugin.redact import without_keys


class LogHandler(logging.Handler):
    """Writes to a file descriptor; waits for nobody, and tells how many lines were lost."""

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor``, which stays the caller's."""
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._descriptor = descriptor
        self._lost = 0
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.set_blocking(descriptor, False)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, a traceback's lines each by itself."""
        for line in self.format(record).splitlines():
            self._write(without_keys(line))

    def _write(self, line: str) -> None:
        lost = f"WARNING {__name__}: {self._lost} lines lost, as nobody read the log\n"
        try:
            if self._lost:
                os.write(self._descriptor, lost.encode())
                self._lost = 0
            # A pipe takes this much as a whole or not at all (pipe(7)).
            data = line.encode(errors="backslashreplace")[: select.PIPE_BUF - 1]
            os.write(self._descriptor, data + b"\n")
        except OSError:
            self._lost += 1
