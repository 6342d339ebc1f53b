"""The configuration folder: WireGuard's .conf files and wgplugin.yaml, as the user keeps them.

A file is read each time, so that every edit counts. It isn't parsed again if that was just done
with the same content. No configuration, and so no key, is kept longer than ``parsed_kept`` seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.conf.settings import FILE_NAME, MAX_FILE_SIZE, Settings
from wgplugin.errors import ConfigError, Fault, FileError
from wgplugin.files import read_file
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.timings import Timings


@dataclass(frozen=True, slots=True)
class Files:
    """What the folder said of a configuration at one moment; for ``version`` see version()."""

    config: InterfaceConfig
    settings: Settings
    version: str


class ConfigFolder:
    """Reads configurations by name; the files belong to the user and are never written."""

    def __init__(
        self, path: Path, base: Settings | None = None, timings: Timings | None = None
    ) -> None:
        """Serve this folder, which may be empty, or change, at any time.

        ``base`` has the settings where wgplugin.yaml has none; None for those built in.
        """
        self._path = path
        self._base = base or Settings()
        self._kept_for = (timings or Timings()).parsed_kept
        self._kept: dict[str, tuple[bytes, InterfaceConfig]] = {}
        self._kept_settings = (b"", self._base)
        # Python parses one file at a time, however many threads there are.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="folder")

    async def read(self, name: str, *, again: bool = False) -> Files:
        """Read and parse NAME.conf and wgplugin.yaml, as they are now, off the event loop.

        ``again`` tells that the same will be asked for once more, soon.

        Raises:
            ConfigError: one of them can't be read, or isn't right, or NAME.conf isn't there.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._worker, self._files, name, again)
        finally:
            if again:
                loop.call_later(self._kept_for, self._kept.pop, name, None)

    def settings(self) -> Settings:
        """Read and parse wgplugin.yaml, as it is now; it needn't be there.

        Raises:
            ConfigError: it can't be read, or isn't right.
        """
        return self._parsed_settings(self._settings())

    def version(self, name: str) -> str:
        """Return a text that is another whenever NAME.conf or wgplugin.yaml is."""
        return _version(_or_error(self._configuration, name), _or_error(self._settings))

    def names(self) -> list[str]:
        """Return the names of the configurations; none if the folder can't be read."""
        try:
            return sorted(path.stem for path in self._path.glob("*.conf"))
        except OSError:
            return []

    def _files(self, name: str, again: bool) -> Files:
        data = self._configuration(name)
        parsed = self._parsed(name, data)
        if again:
            self._kept[name] = data, parsed
        settings = self._settings()
        return Files(parsed, self._parsed_settings(settings), _version(data, settings))

    def _parsed(self, name: str, data: bytes) -> InterfaceConfig:
        kept, parsed = self._kept.pop(name, (None, None))
        if parsed and kept == data:
            return parsed
        return parser.parse(data, f"{name}.conf")

    def _parsed_settings(self, data: bytes) -> Settings:
        kept, parsed = self._kept_settings
        if kept != data:
            # Few have that file, so its parser isn't loaded before one does.
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
        """Return the content of wgplugin.yaml; one that isn't there is as good as an empty one."""
        try:
            return self._read(FILE_NAME, MAX_FILE_SIZE)
        except FileNotFoundError:
            return b""

    def _read(self, file_name: str, max_size: int) -> bytes:
        path = self._path / file_name
        if path.is_symlink() and not _resolved(path).is_relative_to(_resolved(self._path)):
            fault = Fault.of_file(Code.LINK_OUT, "is a link that leads out of the folder")
            raise ConfigError(file_name, [fault])
        try:
            return read_file(path, max_size)
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


def _resolved(path: Path) -> Path:
    # Path.resolve() raises RuntimeError or OSError at a loop of links, by Python's version.
    return Path(os.path.realpath(path))
