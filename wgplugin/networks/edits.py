"""The user's edits of the configuration folder, noticed while the plugin runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder, is_ours
from wgplugin.conf.links import Layout
from wgplugin.conf.settings import FILE_NAME
from wgplugin.model.backends import FolderNotices
from wgplugin.timings import Timings

log = logging.getLogger(__name__)

ANYTHING = frozenset({""})
"""A notice without a name: any file may have changed."""


class Edits:
    """Notices edits by the kernel's notices, and where these can't tell all, by looking."""

    def __init__(self, folder: ConfigFolder, notices: FolderNotices, timings: Timings) -> None:
        self._folder = folder
        self._notices = notices
        self._timings = timings
        self._layout = Layout(frozenset(), {})
        self._told_all = False
        """Whether the notices tell of every change; if not, `_stamps` show the others."""
        self._stamps: Mapping[str, tuple[int, ...]] = {}

    async def follow(
        self, names: Callable[[], Collection[str]]
    ) -> AsyncIterator[Mapping[str, str]]:
        """Yield the versions of configurations that may have been edited, for ever.

        ``names`` returns the configurations that count at the moment. A version is that of
        ConfigFolder.version(), once it has stayed the same for `Timings.still`. At first all of
        them are yielded. A version may be one that the caller knows already. An edit is forgotten
        if its configuration doesn't count yet: whoever adds one compares its version after that.
        Failures are logged, and all files are looked at again.
        """
        changing: dict[str, str] = {}
        events = ANYTHING
        while True:
            try:
                versions = await self._look(events, changing, tuple(names()))
                rested = {
                    name: each for name, each in versions.items() if changing.get(name) == each
                }
                changing = {name: versions[name] for name in versions.keys() - rested.keys()}
                if rested:
                    yield rested
                if events or changing:
                    # Never look more often: a file may change all the time.
                    await asyncio.sleep(self._timings.still)
                events = await self._next(0 if changing else self._patience)
            except Exception:
                log.exception("edits can't be noticed [%s]", Code.FAILED)
                await asyncio.sleep(self._timings.tick)
                events = ANYTHING

    async def _look(
        self, events: Collection[str], changing: Collection[str], names: Collection[str]
    ) -> dict[str, str]:
        """Return the present versions of what is changing, or may have changed."""
        files = self._files(events)
        # First watch, then look: nothing can change in between unnoticed.
        self._layout = await asyncio.to_thread(self._folder.layout)
        told_all = self._notices.watch(self._layout.folders)
        stamps = {} if told_all else await asyncio.to_thread(self._folder.stamps, names)
        files |= {file for file, stamp in stamps.items() if self._stamps.get(file) != stamp}
        if told_all and not self._told_all:
            files |= ANYTHING
        self._told_all, self._stamps = told_all, stamps
        every = bool(files & {"", FILE_NAME})
        wanted = [name for name in names if every or name in changing or f"{name}.conf" in files]
        return await asyncio.to_thread(self._folder.versions, wanted) if wanted else {}

    @property
    def _patience(self) -> float | None:
        """The longest time in seconds to wait for a notice; None for ever."""
        return None if self._told_all else self._timings.tick

    async def _next(self, patience: float | None) -> frozenset[str]:
        """Wait for notices that matter; return none of them if they take too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while True:
                    events = await self._notices.changed()
                    if self._files(events):
                        return events
        return frozenset()

    def _files(self, events: Collection[str]) -> set[str]:
        """Return the files that events are about, by their names in the configuration folder."""
        files = {event for event in events if event == "" or is_ours(event)}
        return files.union(*(self._layout.through.get(event, ()) for event in events))
