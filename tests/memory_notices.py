"""A FolderNotices in memory: a test says what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class MemoryNotices:
    """Tells what a test lets it tell; see `FolderNotices`."""

    def __init__(self, tells_all: bool = True) -> None:
        self.tells_all = tells_all
        self.watched: set[str] = set()
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def tell(self, *names: str) -> None:
        """Tell of changes of files of these names."""
        self._names.update(names)
        self._some.set()

    def watch(self, folders: Collection[str]) -> bool:
        self.watched = set(folders)
        return self.tells_all

    async def changed(self) -> frozenset[str]:
        await self._some.wait()
        self._some.clear()
        names, self._names = frozenset(self._names), set()
        return names
