"""The plugin's settings: their names, and how each value is written.

A text has the same meaning in wgplugin.yaml, in an option of a network or container, and in the
environment. Pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from wgplugin.codes import Code
from wgplugin.conf.forwards import forwards
from wgplugin.conf.values import MAX_PORT, BadValueError, allowed_ip, commas, decimal, literal
from wgplugin.errors import PluginError
from wgplugin.model.configuration import Probe, TunnelSettings
from wgplugin.model.prefixes import Prefix
from wgplugin.redact import shown

FILE_NAME = "wgplugin.yaml"
MAX_FILE_SIZE = 64 * 1024

OPTION_PREFIX = "wireguard-"
"""The prefix of a tunnel setting's name where it is a Docker option."""

MAX_RESOLVE_TIMEOUT = 20.0
"""In seconds; less than the limit for a whole call of Docker's, 25 s (`Timings.call`)."""

MAX_RE_RESOLVE_AFTER = 86400.0
"""In seconds: a day."""

MAX_FAILBACK = 86400.0
"""In seconds: a day."""

MAX_WAIT = 20.0
"""In seconds; less than the limit for a whole call of Docker's, as MAX_RESOLVE_TIMEOUT."""

ON = ("on", "true", "yes")
OFF = ("off", "false", "no")
"""YAML's words for true and for false."""

Reader = Callable[[str], Any]

MAX_PRIORITY = 999

_INTERFACE = re.compile(r"[A-Za-z][A-Za-z_-]{0,9}")
_NUMBER = re.compile(r"-?[0-9]{1,3}")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The plugin's settings; ``resolve_timeout`` and ``re_resolve_after`` are in seconds.

    ``configurations`` has the complete tunnel settings of each configuration with any of its own;
    ``defaults`` are those of all others.
    """

    log_level: str = "info"
    resolve_timeout: float = 10.0
    re_resolve_after: float = 135.0
    defaults: TunnelSettings = field(default_factory=TunnelSettings)
    configurations: Mapping[str, TunnelSettings] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def override(self, texts: Mapping[str, str]) -> Settings:
        """Return a copy with some of the plugin's own settings replaced, by name.

        Raises:
            PluginError: a setting is unknown, or its value is wrong; the message names the
                environment variable.
        """
        return replace(self, **_values(texts, PLUGIN, _variable))

    def tunnel(self, configuration: str) -> TunnelSettings:
        """Return the tunnel settings of a configuration."""
        return self.configurations.get(configuration, self.defaults)


def override(tunnel: TunnelSettings, *layers: Mapping[str, str]) -> TunnelSettings:
    """Return a copy of ``tunnel`` with some settings replaced.

    A layer has texts by name without `OPTION_PREFIX`; a later layer wins over an earlier one.

    Raises:
        PluginError: a setting is unknown, or its value is wrong; the message names the option.
    """
    values: dict[str, Any] = {}
    for texts in layers:
        values |= _values(texts, TUNNEL, lambda name: OPTION_PREFIX + name)
    return replace(tunnel, **values)


def closest(name: str, known: Collection[str]) -> str:
    """Return a hint for an unknown name: the closest known one, or else all of them."""
    name = name.lower().removeprefix(OPTION_PREFIX)
    found = difflib.get_close_matches(name, known, n=1) if len(name) < 32 else ()
    return f"did you mean {found[0]}?" if found else f"there are: {', '.join(known)}"


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _values(
    texts: Mapping[str, str], readers: Mapping[str, Reader], title: Callable[[str], str]
) -> dict[str, Any]:
    values = {}
    for name, text in texts.items():
        if name not in readers:
            message = f"unknown setting {shown(title(name))}; {closest(name, readers)}"
            raise PluginError(Code.UNKNOWN_SETTING, message)
        try:
            values[name.replace("-", "_")] = readers[name](text)
        except BadValueError as bad:
            hint = f"; {bad.hint}" if bad.hint else ""
            raise PluginError(bad.code, f"{title(name)}: {bad.message}{hint}") from None
    return values


def _choice(*choices: str) -> Reader:
    def read(text: str) -> str:
        if text.lower() not in choices:
            raise _not_among(text, choices)
        return text.lower()

    return read


def _switch(text: str) -> bool:
    for value, words in ((True, ON), (False, OFF)):
        if text.lower() in words:
            return value
    raise _not_among(text, ("on", "off"))


def _switch_or_auto(text: str) -> bool | None:
    if text.lower() == "auto":
        return None
    if text.lower() in (*ON, *OFF):
        return _switch(text)
    raise _not_among(text, ("auto", "on", "off"))


def _not_among(text: str, choices: tuple[str, ...]) -> BadValueError:
    allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
    if not text:
        return BadValueError(Code.BAD_SETTING, "the value is missing", f"it is {allowed}")
    return BadValueError(Code.BAD_SETTING, f"{shown(text)} isn't {allowed}")


def _seconds(most: float, *, or_off: bool = False) -> Reader:
    def read(text: str) -> float:
        if or_off and text.lower() in OFF:
            return 0.0
        seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
        if not 0 < seconds <= most:
            other = ", or off" if or_off else ""
            message = f"{shown(text)} isn't a number of seconds above 0, up to {most:g}{other}"
            raise BadValueError(Code.BAD_SETTING, message)
        return seconds

    return read


def _probe(text: str) -> Probe | None:
    if text.lower() in OFF:
        return None
    if address := literal(text):
        return Probe(address)
    host, _, number = text.rpartition(":")
    address, port = literal(host.removeprefix("[").removesuffix("]")), decimal(number, MAX_PORT)
    if address is None or not port or (address.version == 6) != host.startswith("["):
        message = f"{shown(text)} isn't an IP address to ask, or an address and a port"
        hint = "write 10.64.0.1, or for a TCP connection 10.64.0.1:53 or [fd00::1]:53"
        raise BadValueError(Code.BAD_SETTING, message, hint)
    return Probe(address, port)


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        message = f"{shown(text)} isn't up to 10 letters, '_' and '-', without a number"
        raise BadValueError(Code.BAD_SETTING, message)
    return text


def _priority(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        message = f"{shown(text)} isn't a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}"
        raise BadValueError(Code.BAD_SETTING, message)
    return int(text)


def _prefixes(text: str) -> tuple[Prefix, ...]:
    items = [(offset, item) for offset, item in commas(text) if text.strip()]
    return tuple(dict.fromkeys(_prefix(item, offset) for offset, item in items))


def _prefix(item: str, offset: int) -> Prefix:
    text = item.strip()
    offset += item.index(text)
    try:
        change = allowed_ip(text)
    except BadValueError as bad:
        where = offset + bad.offset
        raise BadValueError(Code.BAD_BYPASS, bad.message, bad.hint, where) from None
    if change.sign:
        message = f"a prefix has no '{change.sign}' before it"
        raise BadValueError(Code.BAD_BYPASS, message, "", offset)
    if not change.exact:
        message, hint = f"{shown(text)} has bits after its prefix", f"did you mean {change.range}?"
        raise BadValueError(Code.BAD_BYPASS, message, hint, offset)
    return change.range


PLUGIN: Mapping[str, Reader] = {
    "log-level": _choice("debug", "info", "warning", "error"),
    "resolve-timeout": _seconds(MAX_RESOLVE_TIMEOUT),
    "re-resolve-after": _seconds(MAX_RE_RESOLVE_AFTER),
}
TUNNEL: Mapping[str, Reader] = {
    "dns": _choice("warn", "require", "off"),
    "sink": _switch,
    "bypass": _prefixes,
    "default": _choice("tunnel", "gateway"),
    "interface": _interface,
    "priority": _priority,
    "disconnect": _choice("closed", "open"),
    "publish": _switch,
    "mode": _choice("container", "shared"),
    "isolate": _switch,
    "nat": _switch_or_auto,
    "forward": forwards,
    "pick": _choice("order", "rotate"),
    "probe": _probe,
    "failback": _seconds(MAX_FAILBACK, or_off=True),
    "wait": _seconds(MAX_WAIT, or_off=True),
    "wait-fail": _choice("start", "refuse"),
}
"""The reader of each setting's text, as in `PLUGIN`; it raises `BadValueError`."""
