"""The configuration folder: WireGuard's .conf files, as the user keeps them."""

from __future__ import annotations

import os
from pathlib import Path

from wgplugin import config
from wgplugin.errors import ConfigError

MAX_SIZE = 1024 * 1024


class ConfigFolder:
    """Reads configurations by name; the files belong to the user and are never written."""

    def __init__(self, path: Path) -> None:
        """Serve this folder, which may be empty, or change, at any time."""
        self._path = path

    def load(self, name: str) -> config.InterfaceConfig:
        """Read and parse NAME.conf, as it is now.

        Raises:
            ConfigError: it isn't there, can't be read, or isn't right.
        """
        file_name = f"{name}.conf"
        try:
            return config.parse(self._read(file_name), file_name)
        except FileNotFoundError:
            raise ConfigError(file_name, message=self._missing()) from None
        except OSError as error:
            raise ConfigError(file_name, message=f"can't be read: {error.strerror}") from None

    def _read(self, file_name: str) -> bytes:
        path = _resolved(self._path / file_name)
        if not path.is_relative_to(_resolved(self._path)):
            raise ConfigError(file_name, message="is a link that leads out of the folder")
        if path.exists() and not path.is_file():
            raise ConfigError(file_name, message="isn't a file")
        # Without O_NONBLOCK, a FIFO put there this moment would block here for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            data = file.read(MAX_SIZE + 1)
        if len(data) > MAX_SIZE:
            raise ConfigError(file_name, message=f"is larger than {MAX_SIZE} bytes")
        return data

    def _missing(self) -> str:
        try:
            names = sorted(path.stem for path in self._path.glob("*.conf"))
        except OSError:
            names = []
        if not names:
            return (
                "no such file, as the configuration folder is empty; set another folder with "
                "docker plugin set PLUGIN config.source=DIR"
            )
        return f"no such file in the configuration folder, which has: {', '.join(names[:20])}"


def _resolved(path: Path) -> Path:
    # Path.resolve() raises RuntimeError or OSError at a loop of links, by Python's version.
    return Path(os.path.realpath(path))
