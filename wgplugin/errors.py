"""The errors that a person reads: at ``docker network create``, ``docker run`` or in the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wgplugin.codes import Code


class PluginError(Exception):
    """Raised when a request can't be carried out.

    The user sees ``str()``: the message and the code. The message is one sentence with the mistake
    and the cure. It never holds a key.
    """

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{message} [{code}]")


class RequestError(PluginError):
    """Raised when the body of a request doesn't follow Docker's protocol."""


class FileError(PluginError):
    """Raised when a file can't be read. The message lacks the file's name."""


class BackendError(PluginError):
    """Raised when the kernel refuses to make, configure or delete a device."""


class StoreError(PluginError):
    """Raised when the state folder can't be read or written."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A mistake in a configuration file, or something in it that the plugin ignores.

    Lines and columns count from 1. Line 0 stands for the file as a whole.
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
        """Return the line for the user; ``kind`` comes between the place and the text."""
        place = f"{self.line}:{self.column}:" if self.line else ""
        return f"{path}:{place} {kind}{self}"


class ConfigError(PluginError):
    """Raised for a configuration file that can't be used. It holds every fault of the file.

    ``path`` is the file's name for the user. ``faults`` has at least one, in the file's order.
    ``code`` and ``message`` are those of the first.
    """

    def __init__(self, path: str, faults: Iterable[Fault]) -> None:
        self.path = path
        self.faults = tuple(sorted(faults))
        super().__init__(self.faults[0].code, self.faults[0].message)

    def __str__(self) -> str:
        return "\n".join(fault.within(self.path) for fault in self.faults)


def first_mistake(error: PluginError) -> str:
    """Return an error's first mistake for a longer message: with its file and line, and no code."""
    if not isinstance(error, ConfigError):
        return error.message
    fault = error.faults[0]
    return fault.within(error.path).removesuffix(f" [{fault.code}]")
