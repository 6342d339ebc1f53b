"""wgplugin.yaml, the plugin's settings and those of each configuration, as a value.

Pure: bytes in, values out; no input, no output.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from wgplugin import yaml_tree
from wgplugin.errors import ConfigError, Fault
from wgplugin.hints import shown
from wgplugin.settings import (
    CONFIGURATION_NAME,
    PLUGIN,
    TUNNEL,
    Reader,
    Settings,
    TunnelSettings,
    closest,
)
from wgplugin.values import BadValueError
from wgplugin.yaml_tree import Node, Table, Word

MAX_FAULTS = 100

DEFAULTS = "defaults"
CONFIGURATIONS = "configurations"

_LISTS = ("bypass",)
_BUILT_IN = Settings()
_NOTHING = ("", "~", "null")
_TABLE = "write NAME: VALUE, each in its line"


def parse(data: bytes, path: str, base: Settings = _BUILT_IN) -> Settings:
    """Read a file of settings.

    Args:
        data: the file's content.
        path: the file's name, as messages should show it.
        base: the settings where the file says nothing.

    Raises:
        ConfigError: the file can't be used; it holds every fault of it, up to `MAX_FAULTS`.
    """
    reader = _Reader()
    try:
        settings = reader.settings(yaml_tree.parse(data), base)
    except yaml_tree.YAMLFaultError as error:
        raise ConfigError(path, (error.fault,)) from None
    if reader.faults:
        raise ConfigError(path, tuple(sorted(reader.faults)[:MAX_FAULTS]))
    return settings


class _Reader:
    """One pass over the tree, gathering faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def settings(self, root: Node, base: Settings) -> Settings:
        """Return what the whole file says; it counts only if there are no faults."""
        top = self._table(root, "this file", _top_name)
        defaults = self._tunnel(top.get(DEFAULTS), DEFAULTS, base.defaults)
        nodes = self._table(top.get(CONFIGURATIONS), CONFIGURATIONS, _configuration_name)
        own = {name: self._tunnel(node, name, defaults) for name, node in nodes.items()}
        return replace(
            base,
            **self._values(top, PLUGIN),
            defaults=defaults,
            configurations=MappingProxyType(own),
        )

    def _tunnel(self, node: Node | None, title: str, base: TunnelSettings) -> TunnelSettings:
        return replace(base, **self._values(self._table(node, title, _tunnel_name), TUNNEL))

    def _table(self, node: Node | None, title: str, read_name: Reader) -> dict[str, Node]:
        """Return a table's values by their names; one without lines of its own is empty."""
        if node is None or (isinstance(node, Word) and node.text in _NOTHING):
            return {}
        if not isinstance(node, Table):
            self._fault(node, f"{title} must be a table", _TABLE)
            return {}
        table: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.pairs:
            try:
                name = read_name(key.text) if isinstance(key, Word) else ""
            except BadValueError as bad:
                self._fault(key, bad.message, bad.hint)
                continue
            if not name:
                self._fault(key, "a name belongs here", _TABLE)
            elif name in table:
                self._fault(key, f"{name} is repeated", f"it is in line {lines[name]} already")
            else:
                table[name], lines[name] = value, key.place.line
        return table

    def _values(self, table: Mapping[str, Node], readers: Mapping[str, Reader]) -> dict[str, Any]:
        """Return the values of those names in the table that have readers, as fields."""
        values: dict[str, Any] = {}
        for name, read in readers.items():
            field = name.replace("-", "_")
            for word in self._words(name, table.get(name)):
                try:
                    value = read(word.text)
                except BadValueError as bad:
                    self._fault(word, f"{name}: {bad.message}", bad.hint)
                else:
                    values[field] = (*values.get(field, ()), *value) if name in _LISTS else value
        return values

    def _words(self, name: str, node: Node | None) -> tuple[Word, ...]:
        """Return the words of a value: one, or for some names those of a list."""
        if node is None:
            return ()
        if isinstance(node, Word):
            return (node,)
        if isinstance(node, Table) or name not in _LISTS:
            self._fault(node, f"{name} has one value", "write NAME: VALUE in one line")
            return ()
        words = tuple(item for item in node.items if isinstance(item, Word))
        for item in node.items:
            if item not in words:
                self._fault(item, f"{name} is a list of single values")
        return words or (Word(node.place, ""),)

    def _fault(self, node: Node, message: str, hint: str = "") -> None:
        self.faults.append(Fault(*node.place, message, hint))


def _top_name(name: str) -> str:
    if name in TUNNEL:
        raise BadValueError(f"{name} belongs below '{DEFAULTS}:' or a configuration's name")
    return _known(name, (*PLUGIN, DEFAULTS, CONFIGURATIONS))


def _tunnel_name(name: str) -> str:
    if name in PLUGIN:
        raise BadValueError(f"{name} is the whole plugin's", "write it without indentation")
    return _known(name, TUNNEL)


def _known(name: str, names: Collection[str]) -> str:
    if name not in names:
        raise BadValueError(f"unknown setting {shown(name)}", closest(name, names))
    return name


def _configuration_name(name: str) -> str:
    if not CONFIGURATION_NAME.fullmatch(name):
        hint = "it has up to 64 letters, digits and _ = + . -"
        raise BadValueError(f"{shown(name)} isn't a configuration's name", hint)
    if name.endswith(".conf"):
        raise BadValueError("a configuration's name is without .conf", "remove '.conf'")
    return name
