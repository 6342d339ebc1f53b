"""Writes a hub's file: as a whole or not at all, and never over what somebody else has written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.errors import ConfigError, Fault, FileError, PluginError
from wgplugin.files import read_file, sync_folder
from wgplugin.model.configuration import InterfaceConfig

T = TypeVar("T")

PATIENCE = 5.0
"""The seconds to wait for another command that writes in the folder."""

_PAUSE = 0.05
_PRIVATE = 0o600


def read(folder: Path, hub: str) -> Document:
    """Return the file of a hub.

    Raises:
        ConfigError: it isn't there, or has mistakes.
    """
    return Document.read(f"{hub}.conf", _content(folder, f"{hub}.conf"))


def config(folder: Path, hub: str) -> InterfaceConfig:
    """Return what the file of a hub says, without disabled peers; raise as read() does.

    It takes half the time of read(), where the peers aren't asked for.
    """
    return parser.parse(_content(folder, f"{hub}.conf"), f"{hub}.conf")


def change(folder: Path, hub: str, edit: Callable[[Document], tuple[Document, T]]) -> T:
    """Edit the file of a hub; return what ``edit`` returns beside the edited file.

    Raises:
        PluginError: the file isn't there, has mistakes, or can't be written; or ``edit`` raised it.
            Then the file is as it was.
    """
    name = f"{hub}.conf"
    with _locked(folder):
        before = Document.read(name, _content(folder, name))
        after, result = edit(before)
        if after.content != before.content:
            _check(name, after.content)
            path = Path(os.path.realpath(folder / name))

            def is_same() -> bool:
                return _content(folder, name) == before.content

            _replace(path, after.content, is_same)
        return result


def create(folder: Path, hub: str, content: bytes) -> Document:
    """Write the file of a new hub, and return it.

    Raises:
        PluginError: it is there already, or can't be written.
    """
    name = f"{hub}.conf"
    with _locked(folder):
        if os.path.lexists(folder / name):
            raise file_exists(name)
        made = _check(name, content)
        _replace(folder / name, content, lambda: not os.path.lexists(folder / name))
        return made


def file_exists(name: str) -> PluginError:
    """Return the error for a file that must not be there."""
    return PluginError(
        Code.FILE_EXISTS,
        f"{name} is there already, and stays as it is; choose another name, or remove it first",
    )


def _content(folder: Path, name: str) -> bytes:
    try:
        return read_file(folder / name, parser.MAX_SIZE, within=folder)
    except FileNotFoundError:
        fault = Fault.of_file(Code.NO_SUCH_FILE, f"no such file in {folder}")
    except FileError as error:
        fault = Fault.of_file(error.code, error.message)
    raise ConfigError(name, [fault])


def _check(name: str, content: bytes) -> Document:
    """Check that what is to be written can be read again, and return it."""
    found = Document.read(name, content)
    if len(content) > parser.MAX_SIZE:
        message = f"{name} would be larger than {parser.MAX_SIZE} bytes"
        raise PluginError(Code.TOO_LARGE, f"{message}; remove peers, or make another hub")
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other commands from writing in a folder: flock(2), which leaves nothing behind."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        message = f"the folder {folder} can't be opened: {error.strerror}"
        raise PluginError(Code.NOT_WRITABLE, f"{message}; name another with --folder") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                message = f"another command is writing in {folder}; try again when it is done"
                raise PluginError(Code.BEING_WRITTEN, message) from None
            time.sleep(_PAUSE)
        else:
            return


def _replace(path: Path, content: bytes, is_same: Callable[[], bool]) -> None:
    """Put a file in the place of another; raise PluginError if it is no more as it was read."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            _write(draft, content, path)
            if not is_same():
                message = f"{path.name} was changed by somebody else meanwhile; try again"
                raise PluginError(Code.BEING_WRITTEN, message)
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise PluginError(
            Code.NOT_WRITABLE,
            f"{path} can't be written: {error.strerror}; it is as it was. Run this as root, where "
            "the folder can be written",
        ) from None


def _write(draft: Path, content: bytes, of: Path) -> None:
    """Write a file with the mode and the owner of another one, if that is there."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        with contextlib.suppress(FileNotFoundError):
            status = of.stat()
            os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, status.st_mode & 0o7777)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
