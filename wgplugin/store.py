"""Networks and endpoints on disk: Docker announces each once and never again.

One JSON file a record, in a folder a kind; a file is replaced as a whole or not at all, and is on
the disk before the answer leaves. No record holds a key: configurations stay in their own folder.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Literal, TypeVar

import msgspec

from wgplugin.errors import StoreError
from wgplugin.protocol import Id, StaticRoute

log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is stored: ``id`` names its file, ``version`` the layout of its fields."""

    id: Id
    version: Literal[1] = 1


class Network(Record, frozen=True, kw_only=True):
    """A Docker network: the configuration that its containers use, and the tunnel's options."""

    configuration: str
    tunnel: dict[str, str] = {}


class Endpoint(Record, frozen=True, kw_only=True):
    """A container's attachment, with what Docker is to set in it.

    ``routes`` and ``gateways`` are decided when the endpoint is created, as that call alone has
    the container's options.
    """

    network_id: Id
    configuration: str
    routes: tuple[StaticRoute, ...] = ()
    gateways: tuple[str, ...] = ()


R = TypeVar("R", bound=Record)


class Records(Generic[R]):
    """All records of one kind: read from memory, written to a folder.

    Memory changes first, so that two requests never both believe a record theirs; it is changed
    back if the disk refuses.
    """

    def __init__(self, folder: Path, kind: type[R]) -> None:
        """Read the folder, making it where it is missing.

        Raises:
            StoreError: the folder can't be made or read. A damaged file is logged and left out.
        """
        self._folder = folder
        self._records: dict[str, R] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("*.json")):
                self._read(path, kind)
        except OSError as error:
            raise StoreError(f"the state folder can't be used: {error}") from None

    def _read(self, path: Path, kind: type[R]) -> None:
        try:
            record = msgspec.json.decode(path.read_bytes(), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("%s is damaged and not used: %s", path, error)
        else:
            self._records[record.id] = record

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._records.values()))

    def get(self, record_id: str) -> R | None:
        """Return the record, or None."""
        return self._records.get(record_id)

    async def put(self, record: R) -> None:
        """Keep the record, in the place of one with its id.

        Raises:
            StoreError: it can't be written; memory and disk are as they were.
        """
        before = self._records.get(record.id)
        self._records[record.id] = record
        try:
            await asyncio.to_thread(self._write, self._path(record.id), msgspec.json.encode(record))
        except OSError as error:
            if before is None:
                del self._records[record.id]
            else:
                self._records[record.id] = before
            raise StoreError(f"the state folder can't be written: {error}") from None

    async def remove(self, record_id: str) -> None:
        """Forget the record; it needn't be there.

        Raises:
            StoreError: its file can't be removed.
        """
        try:
            await asyncio.to_thread(self._unlink, self._path(record_id))
        except OSError as error:
            raise StoreError(f"the state folder can't be written: {error}") from None
        self._records.pop(record_id, None)

    def _path(self, record_id: str) -> Path:
        return self._folder / f"{record_id}.json"

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._sync_folder()

    def _unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._sync_folder()

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
