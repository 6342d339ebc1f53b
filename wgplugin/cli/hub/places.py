"""Where a hub's file is, and which hub is meant."""

from __future__ import annotations

from pathlib import Path

from wgplugin.cli import engine
from wgplugin.cli.hub import writing
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.errors import ConfigError, PluginError

CONFIG_DIR = Path("/etc/wireguard")


def folder(given: Path | None) -> Path:
    """Return the configuration folder: the one given, the plugin's by Docker, or the usual one."""
    if given:
        return given
    try:
        there = [each for each in engine.configuration_folders() if each.is_dir()]
    except PluginError:
        there = []
    return there[0] if there else CONFIG_DIR


def hubs(path: Path) -> list[str]:
    """Return the names of the folder's hubs: the configurations whose note says so, sorted."""
    return [name for name in ConfigFolder(path).names() if _is_hub(path, name)]


def hub(path: Path, given: str) -> str:
    """Return the name of the hub that is meant: the one given, or else the folder's only one.

    Raises:
        PluginError: there is no such file, or not exactly one hub.
    """
    if given:
        writing.config(path, given)
        return given
    found = hubs(path)
    if not found:
        raise PluginError(
            Code.NOT_A_HUB,
            f"there is no hub in {path}; make one with hub init, or name a server's file by --hub",
        )
    if len(found) > 1:
        message = f"{path} has several hubs: {', '.join(found)}"
        raise PluginError(Code.WHICH_HUB, f"{message}; name one with --hub")
    return found[0]


def _is_hub(path: Path, name: str) -> bool:
    try:
        return writing.config(path, name).hub is not None
    except ConfigError:
        return False
