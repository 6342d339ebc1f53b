"""The errors that reach a person: at ``docker network create``, ``docker run`` or in the log."""

from dataclasses import dataclass


class PluginError(Exception):
    """Raised when a request can't be carried out.

    ``str()`` is shown to the user as it is: one sentence that says what is wrong and what to do.
    It never holds a key.
    """


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
    """One thing wrong, or ignored, in a configuration file; lines and columns count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ConfigError(PluginError):
    """Raised for a configuration file that can't be used; holds every fault of the file.

    ``path`` is the file's name as the user should see it; ``faults`` is in the file's order and
    may be empty when the file as a whole is the trouble (then ``message`` says it).
    """

    def __init__(self, path: str, faults: tuple[Fault, ...] = (), message: str = "") -> None:
        self.path = path
        self.faults = tuple(sorted(faults))
        lines = [f"{path}:{fault.line}:{fault.column}: {fault}" for fault in self.faults]
        super().__init__("\n".join(lines) if lines else f"{path}: {message}")
