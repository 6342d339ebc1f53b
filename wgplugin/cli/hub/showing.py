"""Shows a client's file once: as text, as a QR code, or in a file of its own."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import segno

from wgplugin.codes import Code
from wgplugin.errors import PluginError

_PRIVATE = 0o600
_BORDER = 2


def qr_code(text: str) -> str:
    """Return a QR code of a text, for a terminal."""
    out = io.StringIO()
    # The least correction makes the smallest code: a screen has no stains.
    found = segno.make(text, error="l", boost_error=False, micro=False)
    found.terminal(out, border=_BORDER, compact=True)
    return out.getvalue()


def show(text: str, qr: bool | None) -> None:
    """Print a client's file, and its QR code: if ``qr`` is None, only on a terminal."""
    is_terminal = sys.stdout.isatty()
    print(text, end="", flush=True)
    if qr or (qr is None and is_terminal):
        # What reads standard output wants the file alone.
        print(qr_code(text), file=sys.stdout if is_terminal else sys.stderr)


class Output:
    """A new file for a client's, which nobody else may read."""

    def __init__(self, path: Path) -> None:
        """Make the file, still empty.

        Raises:
            PluginError: it is there already, or can't be made.
        """
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, _PRIVATE)
        except FileExistsError:
            message = f"--output {path} is there already; choose another name"
            raise PluginError(Code.FILE_EXISTS, message) from None
        except OSError as error:
            message = f"--output {path} can't be written: {error.strerror}"
            raise PluginError(Code.NOT_WRITABLE, message) from None

    def write(self, text: str) -> None:
        """Write the file, and close it."""
        with os.fdopen(self._descriptor, "w") as file:
            file.write(text)

    def discard(self) -> None:
        """Remove the file."""
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)
