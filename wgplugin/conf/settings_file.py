"""The parser of wgplugin.yaml: settings of the plugin and of each configuration. Pure.

What is said of pools counts for a network with a pool if it is in the defaults: pick, failback,
wait and wait-fail. Below a configuration's name it counts for a network of that name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from wgplugin.codes import Code
from wgplugin.conf import yaml_tree
from wgplugin.conf.settings import PLUGIN, TUNNEL, Reader, Settings, closest
from wgplugin.conf.values import BadValueError
from wgplugin.conf.yaml_tree import Node, Table, Word
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.pool import CONFIGURATION_NAME
from wgplugin.redact import shown

MAX_FAULTS = 100

DEFAULTS = "defaults"
CONFIGURATIONS = "configurations"

_LISTS = ("bypass", "forward")
_BUILT_IN = Settings()
_NOTHING = ("", "~", "null")
_TABLE = "write NAME: VALUE, each in its line"


def parse(data: bytes, path: str, base: Settings = _BUILT_IN) -> Settings:
    """Parse a file of settings.

    Args:
        data: the file's content.
        path: the file's name, as messages show it.
        base: the settings that the file overrides.

    Raises:
        ConfigError: the file can't be used; holds all of its faults, up to `MAX_FAULTS`.
    """
    reader = _Reader()
    try:
        settings = reader.settings(yaml_tree.parse(data), base)
    except yaml_tree.YAMLFaultError as error:
        raise ConfigError(path, (error.fault,)) from None
    if reader.faults:
        raise ConfigError(path, sorted(reader.faults)[:MAX_FAULTS])
    return settings


class _Reader:
    """One pass over the tree; gathers faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def settings(self, root: Node, base: Settings) -> Settings:
        """Return the settings of the whole file; valid only if ``faults`` stays empty."""
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
        """Return a table's values by name; a missing value counts as an empty table."""
        if node is None or (isinstance(node, Word) and node.text in _NOTHING):
            return {}
        if not isinstance(node, Table):
            self._fault(node, Code.BAD_FORM, f"{title} must be a table", _TABLE)
            return {}
        table: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.pairs:
            try:
                name = read_name(key.text) if isinstance(key, Word) else ""
            except BadValueError as bad:
                self._fault(key, bad.code, bad.message, bad.hint)
                continue
            if not name:
                self._fault(key, Code.BAD_FORM, "a name belongs here", _TABLE)
            elif name in table:
                hint = f"it is in line {lines[name]} already"
                self._fault(key, Code.REPEATED_SETTING, f"{name} is repeated", hint)
            else:
                table[name], lines[name] = value, key.place.line
        return table

    def _values(self, table: Mapping[str, Node], readers: Mapping[str, Reader]) -> dict[str, Any]:
        """Return the parsed values of the names that have a reader, by field name."""
        values: dict[str, Any] = {}
        for name, read in readers.items():
            field = name.replace("-", "_")
            for word in self._words(name, table.get(name)):
                try:
                    value = read(word.text)
                except BadValueError as bad:
                    self._fault(word, bad.code, f"{name}: {bad.message}", bad.hint)
                else:
                    values[field] = (*values.get(field, ()), *value) if name in _LISTS else value
        return values

    def _words(self, name: str, node: Node | None) -> tuple[Word, ...]:
        """Return the words of a value: one, or several if the setting may be a list (`_LISTS`)."""
        if node is None:
            return ()
        if isinstance(node, Word):
            return (node,)
        if isinstance(node, Table) or name not in _LISTS:
            hint = "write NAME: VALUE in one line"
            self._fault(node, Code.BAD_FORM, f"{name} has one value", hint)
            return ()
        words = tuple(item for item in node.items if isinstance(item, Word))
        for item in node.items:
            if item not in words:
                self._fault(item, Code.BAD_FORM, f"{name} is a list of single values")
        return words or (Word(node.place, ""),)

    def _fault(self, node: Node, code: Code, message: str, hint: str = "") -> None:
        self.faults.append(Fault(*node.place, code, message, hint))


def _top_name(name: str) -> str:
    if name in TUNNEL:
        message = f"{name} belongs below '{DEFAULTS}:' or a configuration's name"
        raise BadValueError(Code.MISPLACED_SETTING, message)
    return _known(name, (*PLUGIN, DEFAULTS, CONFIGURATIONS))


def _tunnel_name(name: str) -> str:
    if name in PLUGIN:
        message, hint = f"{name} is the whole plugin's", "write it without indentation"
        raise BadValueError(Code.MISPLACED_SETTING, message, hint)
    return _known(name, TUNNEL)


def _known(name: str, names: Collection[str]) -> str:
    if name not in names:
        message = f"unknown setting {shown(name)}"
        raise BadValueError(Code.UNKNOWN_SETTING, message, closest(name, names))
    return name


def _configuration_name(name: str) -> str:
    if not CONFIGURATION_NAME.fullmatch(name):
        message = f"{shown(name)} isn't a configuration's name"
        hint = "it has up to 64 letters, digits and _ = + . -"
        raise BadValueError(Code.CONFIGURATION_NAME, message, hint)
    if name.endswith(".conf"):
        message = "a configuration's name is without .conf"
        raise BadValueError(Code.CONFIGURATION_NAME, message, "remove '.conf'")
    return name
