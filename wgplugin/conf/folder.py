"""The configuration folder: the user's WireGuard .conf files and wgplugin.yaml.

A file is read from the disk each time, so every edit counts. No configuration, and so no key, is
kept here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.conf.settings import FILE_NAME, MAX_FILE_SIZE, Settings
from wgplugin.errors import ConfigError, Fault, FileError
from wgplugin.files import read_file, stamp
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.hub import present

if TYPE_CHECKING:
    from wgplugin.conf.links import Layout


@dataclass(frozen=True, slots=True)
class Files:
    """A configuration and the settings at one moment; ``version`` as by ConfigFolder.version().

    ``config`` is without the peers that have expired. ``until``: when the next one does, in seconds
    since 1970; None for never.
    """

    config: InterfaceConfig
    settings: Settings
    version: str
    until: int | None = None


class ConfigFolder:
    """Reads configurations by name; never writes, as the files belong to the user."""

    def __init__(
        self, path: Path, base: Settings | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        """Serve the folder ``path``, which may be empty and may change at any time.

        ``base``: the settings that wgplugin.yaml overrides; None for the built-in ones. ``wall``
        returns the seconds since 1970, by the host's date.
        """
        self._wall = wall
        self._path = path
        self._base = base or Settings()
        self._kept_settings = (b"", self._base)
        # One thread is enough: Python's lock (GIL) lets only one file be parsed at a time.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="folder")

    async def read(self, name: str) -> Files:
        """Read and parse NAME.conf and wgplugin.yaml, off the event loop.

        Raises:
            ConfigError: NAME.conf is missing, or a file can't be read or has errors.
        """
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._files, name)

    def settings(self) -> Settings:
        """Read and parse wgplugin.yaml; a missing file counts as an empty one.

        Raises:
            ConfigError: the file can't be read or has errors.
        """
        return self._parsed_settings(self._settings())

    def version(self, name: str) -> str:
        """Return a digest of NAME.conf and wgplugin.yaml, or of the errors in reading them."""
        return self.versions([name])[name]

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Return the version() of each configuration of these names."""
        settings = _or_error(self._settings)
        return {name: _version(_or_error(self._configuration, name), settings) for name in names}

    def stamps(self, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the files.stamp() of wgplugin.yaml, and of NAME.conf for each of these names."""
        files = (FILE_NAME, *(f"{name}.conf" for name in names))
        return {file: stamp(self._path / file) for file in files}

    def layout(self) -> Layout:
        """Return where a change can be one of the configurations or of wgplugin.yaml."""
        # Only the live edition asks.
        from wgplugin.conf.links import layout

        try:
            with os.scandir(self._path) as entries:
                links = [each.name for each in entries if is_ours(each.name) and each.is_symlink()]
        except OSError:
            links = []
        return layout(self._path, links)

    def names(self) -> list[str]:
        """Return the names of the configurations, sorted; none if the folder can't be read."""
        try:
            return sorted(path.stem for path in self._path.glob("*.conf"))
        except OSError:
            return []

    def _files(self, name: str) -> Files:
        data = self._configuration(name)
        found = present(parser.parse(data, f"{name}.conf"), self._wall())
        settings = self._settings()
        version = _version(data, settings)
        return Files(found.config, self._parsed_settings(settings), version, found.until)

    def _parsed_settings(self, data: bytes) -> Settings:
        kept, parsed = self._kept_settings
        if kept != data:
            # Few users have that file, so its parser is loaded on first need.
            from wgplugin.conf import settings_file

            parsed = settings_file.parse(data, FILE_NAME, self._base)
            self._kept_settings = data, parsed
        return parsed

    def _configuration(self, name: str) -> bytes:
        try:
            return self._read(f"{name}.conf", parser.MAX_SIZE)
        except FileNotFoundError:
            raise ConfigError(f"{name}.conf", [self._missing()]) from None

    def _settings(self) -> bytes:
        """Return the content of wgplugin.yaml; empty if the file is missing."""
        try:
            return self._read(FILE_NAME, MAX_FILE_SIZE)
        except FileNotFoundError:
            return b""

    def _read(self, file_name: str, max_size: int) -> bytes:
        try:
            return read_file(self._path / file_name, max_size, within=self._path)
        except FileError as error:
            raise ConfigError(file_name, [Fault.of_file(error.code, error.message)]) from None

    def _missing(self) -> Fault:
        names = self.names()
        if not names:
            return Fault.of_file(
                Code.EMPTY_FOLDER,
                "no such file, as the configuration folder is empty; set another folder with "
                "docker plugin set PLUGIN config.source=DIR",
            )
        message = f"no such file in the configuration folder, which has: {', '.join(names[:20])}"
        return Fault.of_file(Code.NO_SUCH_FILE, message)


def is_ours(file_name: str) -> bool:
    """Return whether a file of this name in the folder is a configuration or wgplugin.yaml."""
    return file_name.endswith(".conf") or file_name == FILE_NAME


def _or_error(read: Callable[..., bytes], *args: str) -> bytes:
    try:
        return read(*args)
    except ConfigError as error:
        return repr(error).encode()


def _version(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()
