"""The errors that reach a person: at ``docker network create``, ``docker run`` or in the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wgplugin.codes import Code


class PluginError(Exception):
    """Raised when a request can't be carried out.

    ``str()`` is shown to the user as it is: the message, which is one sentence that says what is
    wrong and what to do, and the code. It never holds a key.
    """

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{message} [{code}]")


class RequestError(PluginError):
    """Raised when the body of a request isn't what Docker's protocol says."""


class FileError(PluginError):
    """Raised when a file can't be read; the message lacks its name."""


class BackendError(PluginError):
    """Raised when the kernel refuses to make, configure or delete a device."""


class StoreError(PluginError):
    """Raised when the state folder can't be read or written."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong, or ignored, in a configuration file.

    Lines and columns count from 1; what is in line 0 is of the file as a whole.
    """

    line: int
    column: int
    code: Code
    message: str
    hint: str = ""

    @classmethod
    def of_file(cls, code: Code, message: str, hint: str = "") -> Fault:
        """Return a fault of a file as a whole."""
        return cls(0, 0, code, message, hint)

    def __str__(self) -> str:
        return f"{self.message}{f'; {self.hint}' if self.hint else ''} [{self.code}]"

    def within(self, path: str, kind: str = "") -> str:
        """Return it as the user should see it; ``kind`` comes between the place and the text."""
        place = f"{self.line}:{self.column}:" if self.line else ""
        return f"{path}:{place} {kind}{self}"


class ConfigError(PluginError):
    """Raised for a configuration file that can't be used; holds every fault of the file.

    ``path`` is the file's name as the user should see it; ``faults``, at least one, is in the
    file's order. ``code`` and ``message`` are the first one's.
    """

    def __init__(self, path: str, faults: Iterable[Fault]) -> None:
        self.path = path
        self.faults = tuple(sorted(faults))
        super().__init__(self.faults[0].code, self.faults[0].message)

    def __str__(self) -> str:
        return "\n".join(fault.within(self.path) for fault in self.faults)
