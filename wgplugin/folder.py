"""The configuration folder: WireGuard's .conf files and wgplugin.yaml, as the user keeps them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from wgplugin import config, settings_file
from wgplugin.codes import Code
from wgplugin.errors import ConfigError, Fault, FileError
from wgplugin.files import read_file
from wgplugin.settings import Settings

MAX_SIZE = 1024 * 1024
MAX_SETTINGS_SIZE = 64 * 1024


class ConfigFolder:
    """Reads configurations by name; the files belong to the user and are never written."""

    def __init__(self, path: Path, base: Settings | None = None) -> None:
        """Serve this folder, which may be empty, or change, at any time.

        ``base`` has the settings where wgplugin.yaml has none; None for those built in.
        """
        self._path = path
        self._base = base or Settings()

    def load(self, name: str) -> config.InterfaceConfig:
        """Read and parse NAME.conf, as it is now.

        Raises:
            ConfigError: it isn't there, can't be read, or isn't right.
        """
        file_name = f"{name}.conf"
        try:
            return config.parse(self._read(file_name, MAX_SIZE), file_name)
        except FileNotFoundError:
            raise ConfigError(file_name, [self._missing()]) from None

    def settings(self) -> Settings:
        """Read and parse wgplugin.yaml, as it is now; it needn't be there.

        Raises:
            ConfigError: it can't be read, or isn't right.
        """
        name = settings_file.NAME
        try:
            return settings_file.parse(self._read(name, MAX_SETTINGS_SIZE), name, self._base)
        except FileNotFoundError:
            return self._base

    def version(self, name: str) -> str:
        """Return a text that is another whenever NAME.conf or wgplugin.yaml is."""
        digest = hashlib.sha256()
        for file_name, limit in (
            (f"{name}.conf", MAX_SIZE),
            (settings_file.NAME, MAX_SETTINGS_SIZE),
        ):
            try:
                data = self._read(file_name, limit)
            except (ConfigError, FileNotFoundError) as error:
                data = repr(error).encode()
            digest.update(b"%d:" % len(data) + data)
        return digest.hexdigest()

    def _read(self, file_name: str, max_size: int) -> bytes:
        path = _resolved(self._path / file_name)
        if not path.is_relative_to(_resolved(self._path)):
            fault = Fault.of_file(Code.LINK_OUT, "is a link that leads out of the folder")
            raise ConfigError(file_name, [fault])
        try:
            return read_file(path, max_size)
        except FileError as error:
            raise ConfigError(file_name, [Fault.of_file(error.code, error.message)]) from None

    def names(self) -> list[str]:
        """Return the names of the configurations; none if the folder can't be read."""
        try:
            return sorted(path.stem for path in self._path.glob("*.conf"))
        except OSError:
            return []

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


def _resolved(path: Path) -> Path:
    # Path.resolve() raises RuntimeError or OSError at a loop of links, by Python's version.
    return Path(os.path.realpath(path))
