"""Networks and endpoints on disk, because Docker announces each only once.

There is one folder for each kind, and in it one JSON file for each record. A file is replaced as a
whole or not at all, before Docker gets its response. No record holds a key: configurations stay in
their own folder.

A network outlasts a power cut, so its record is on the disk before that response. An endpoint
doesn't, as no device does. So its record outlasts the plugin's process alone; after a power cut it
may be lost, or without content.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from wgplugin.codes import Code
from wgplugin.errors import FileError, StoreError
from wgplugin.files import read_file, sync_folder
from wgplugin.state import records
from wgplugin.state.records import Endpoint, Network, Record, RecordError
from wgplugin.threads import to_the_end

log = logging.getLogger(__name__)

MAX_SIZE = 1024 * 1024

R = TypeVar("R", bound=Record)


class Records(Generic[R]):
    """All records of one kind: read from memory, written to a folder.

    Order of locks: an endpoint's before its network's, never the other way around.

    Memory changes before the disk, so two requests can't both take the same record. The change is
    undone if the disk refuses it or the caller is cancelled.
    """

    def __init__(self, folder: Path, kind: type[R], *, durable: bool) -> None:
        """Read the folder; create it if it is missing.

        ``durable``: a change is waited for, in a thread, until it outlasts a power cut. Otherwise
        it is in the kernel's hands at once, which takes less time than a thread.

        A damaged file is logged and renamed, so it is kept but not read again. A record from a
        newer version is logged and left alone.

        Raises:
            StoreError: the folder can't be created or read.
        """
        self._folder = folder
        self._durable = durable
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
            data = read_file(path, MAX_SIZE)
            if not self._durable and not data.strip(b"\0"):
                path.unlink()
                log.warning("%s is removed: it has no content, as after a power cut", path)
                return
            record = records.decode(data, kind)
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
        """Return the record's lock; hold it to change the record."""
        return self._locks.setdefault(record_id, asyncio.Lock())

    def get(self, record_id: str) -> R | None:
        """Return the record, or None."""
        return self._records.get(record_id)

    def knows(self, record_id: str) -> bool:
        """Return whether there is the record, or one that can't be read."""
        return record_id in self._records or any(self._folder.glob(f"{record_id}.json*"))

    async def put(self, record: R) -> None:
        """Store the record, and replace one with the same id.

        An error or a cancellation leaves memory and disk unchanged.

        Raises:
            StoreError: the record can't be written.
        """
        before = self._records.get(record.id)
        self._remember(record.id, record)
        try:
            await self._run(self._write, record)
        except (OSError, asyncio.CancelledError) as error:
            self._remember(record.id, before)
            await self._run(self._restore, record.id, before)
            if isinstance(error, OSError):
                raise _refused(error) from None
            raise

    async def remove(self, record_id: str) -> None:
        """Remove the record; a missing one is no error.

        Raises:
            StoreError: its file can't be removed.
        """
        try:
            await self._run(self._unlink, record_id)
        except OSError as error:
            raise _refused(error) from None

    async def _run(self, work: Callable[..., None], *args: Any) -> None:
        if self._durable:
            await to_the_end(work, *args)
        else:
            work(*args)

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
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
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
        if self._durable:
            sync_folder(self._folder)


class Store:
    """All records of the plugin."""

    def __init__(self, folder: Path) -> None:
        """Read the state folder.

        Raises:
            StoreError: the folder can't be created or read.
        """
        self.networks = Records(folder / "networks", Network, durable=True)
        self.endpoints = Records(folder / "endpoints", Endpoint, durable=False)

    def holder(self, endpoint: Endpoint) -> Endpoint | None:
        """Return another endpoint that has one of an endpoint's claims, or None.

        The endpoints of one shared network use a configuration together.
        """
        network = self.networks.get(endpoint.network_id)
        is_shared = network is not None and network.mode == "shared"
        users = (each for each in self.endpoints if each.claims & endpoint.claims)
        for other in users:
            is_with_it = is_shared and other.network_id == endpoint.network_id
            if other.id != endpoint.id and not is_with_it:
                return other
        return None


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
