"""Networks and endpoints on disk: Docker announces each once and never again.

One JSON file a record, in a folder a kind; a file is replaced as a whole or not at all, and is on
the disk before the answer leaves. No record holds a key: configurations stay in their own folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from wgplugin.codes import Code
from wgplugin.errors import FileError, StoreError
from wgplugin.files import read_file
from wgplugin.state import records
from wgplugin.state.records import Endpoint, Network, Record, RecordError
from wgplugin.threads import to_the_end

log = logging.getLogger(__name__)

MAX_SIZE = 1024 * 1024

R = TypeVar("R", bound=Record)


class Records(Generic[R]):
    """All records of one kind: read from memory, written to a folder.

    Whoever holds an endpoint's lock may ask for its network's, but not the other way around.

    Memory changes first, so that two requests never both believe a record theirs; it is changed
    back if the disk refuses, or the caller is cancelled.
    """

    def __init__(self, folder: Path, kind: type[R]) -> None:
        """Read the folder, making it where it is missing.

        A file that holds no record is logged and renamed, so that it is kept but not read again.

        Raises:
            StoreError: the folder can't be made or read.
        """
        self._folder = folder
        self._records: dict[str, R] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for draft in folder.glob("*.new"):
                with contextlib.suppress(OSError):
                    draft.unlink()
            for path in sorted(folder.glob("*.json")):
                self._read(path, kind)
        except OSError as error:
            message = f"the state folder can't be used: {error}"
            raise StoreError(Code.STATE_UNUSABLE, message) from None

    def _read(self, path: Path, kind: type[R]) -> None:
        try:
            record = records.decode(read_file(path, MAX_SIZE), kind)
            if record.id != path.stem:
                raise RecordError(Code.STATE_DAMAGED, f"it is the record of {record.id}")
        except records.NewerVersionError as error:
            log.error("%s is left alone: %s", path, error)
        except OSError as error:
            _set_aside(path, str(error))
        except (FileError, RecordError) as error:
            _set_aside(path, error.message)
        else:
            self._records[record.id] = record

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._records.values()))

    def lock(self, record_id: str) -> asyncio.Lock:
        """Return the record's lock, which whoever changes the record holds."""
        return self._locks.setdefault(record_id, asyncio.Lock())

    def get(self, record_id: str) -> R | None:
        """Return the record, or None."""
        return self._records.get(record_id)

    async def put(self, record: R) -> None:
        """Keep the record, in the place of one with its id.

        Raises:
            StoreError: it can't be written; memory and disk are as they were. They are, too, if
                the caller is cancelled.
        """
        before = self._records.get(record.id)
        self._remember(record.id, record)
        try:
            await to_the_end(self._write, record)
        except (OSError, asyncio.CancelledError) as error:
            self._remember(record.id, before)
            await to_the_end(self._restore, record.id, before)
            if isinstance(error, OSError):
                raise _refused(error) from None
            raise

    async def remove(self, record_id: str) -> None:
        """Forget the record; it needn't be there.

        Raises:
            StoreError: its file can't be removed.
        """
        try:
            await to_the_end(self._unlink, record_id)
        except OSError as error:
            raise _refused(error) from None

    def _remember(self, record_id: str, record: R | None) -> None:
        if record is None:
            self._records.pop(record_id, None)
        else:
            self._records[record_id] = record

    def _path(self, record_id: str) -> Path:
        return self._folder / f"{record_id}.json"

    def _write(self, record: R) -> None:
        path = self._path(record.id)
        draft = path.with_suffix(".new")
        try:
            with draft.open("wb") as file:
                file.write(records.encode(record))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._sync_folder()

    def _unlink(self, record_id: str) -> None:
        self._path(record_id).unlink(missing_ok=True)
        self._remember(record_id, None)
        self._sync_folder()

    def _restore(self, record_id: str, record: R | None) -> None:
        try:
            if record is None:
                self._unlink(record_id)
            else:
                self._write(record)
        except OSError as error:
            path = self._path(record_id)
            log.error("%s may be out of date: %s [%s]", path, error, Code.STATE_NOT_WRITTEN)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Store:
    """Everything that the plugin remembers."""

    def __init__(self, folder: Path) -> None:
        """Read the state folder.

        Raises:
            StoreError: the folder can't be made or read.
        """
        self.networks = Records(folder / "networks", Network)
        self.endpoints = Records(folder / "endpoints", Endpoint)

    def holder(self, configuration: str) -> Endpoint | None:
        """Return the endpoint that uses the configuration now, if one does."""
        return next((e for e in self.endpoints if e.configuration == configuration), None)


def _set_aside(path: Path, reason: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        outcome = f"can't be renamed: {error}"
    else:
        outcome = f"is now {aside.name}"
    log.error("%s isn't used (%s) and %s [%s]", path, reason, outcome, Code.STATE_DAMAGED)


def _refused(error: OSError) -> StoreError:
    return StoreError(Code.STATE_NOT_WRITTEN, f"the state folder can't be written: {error}")
