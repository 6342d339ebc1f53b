"""The values of the commands' options: text in, value out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from wgplugin.codes import Code
from wgplugin.conf import notes, values
from wgplugin.conf.values import BadValueError
from wgplugin.errors import PluginError
from wgplugin.model.device import Key
from wgplugin.model.notes import Reach
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.redact import shown

T = TypeVar("T")

HUB = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A hub's name, which is also the domain of its containers (RFC 1123)."""

_SPAN = re.compile(r"([0-9]{1,5})([hdw])")
_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}
_WORDS_FOR_NEVER = ("never", "off")
_WORDS_FOR_ALL = ("all", "off")


def hub_name(text: str) -> str:
    """Read the name of a new hub; raise PluginError if it can't be one."""
    if not HUB.fullmatch(text):
        raise _bad(
            "HUB",
            f"{shown(text)} isn't a name for a hub, by which peers find containers",
            "use lower-case letters, digits and '-', such as office",
        )
    return text


def peer_name(text: str) -> str:
    """Read the name of a new peer; raise PluginError if it can't be one."""
    return _read("NAME", notes.peer_name, text)


def addresses(flag: str, text: str) -> tuple[IPAddress, ...]:
    """Read IP addresses with commas between them; raise PluginError if one isn't."""
    return _read(flag, notes.addresses, text.replace(" ", ""))


def servers(text: str) -> tuple[IPAddress, ...]:
    """Read the DNS servers of --dns, none for off; raise PluginError if one isn't an address."""
    return () if text in _WORDS_FOR_NEVER else addresses("--dns", text)


def prefixes(flag: str, text: str) -> tuple[Prefix, ...]:
    """Read prefixes with commas between them; raise PluginError if one isn't."""
    found = _read(flag, notes.reaches, text.replace(" ", ""))
    for each in found:
        if each.port:
            raise _bad(flag, f"{each} has a port, which a route hasn't", f"write {each.prefix}")
    return tuple(each.prefix for each in found)


def reach(text: str) -> tuple[Reach, ...] | None:
    """Read what a peer may reach, None for everything; raise PluginError if it can't be."""
    if text in _WORDS_FOR_ALL:
        return None
    return _read("--reach", notes.reaches, text.replace(" ", ""))


def expiry(text: str, now: float) -> int | None:
    """Read when a peer ends: 30d, 12h, 2w, a date, a time, or never; return seconds since 1970.

    Raises:
        PluginError: it is something else, or in the past.
    """
    if text in _WORDS_FOR_NEVER:
        return None
    if span := _SPAN.fullmatch(text):
        end = int(now) + int(span[1]) * _SECONDS[span[2]]
    else:
        try:
            end = notes.moment(text)
        except BadValueError as bad:
            hint = "write 30d, 12h, 2w, 2026-12-31 or 2026-12-31T18:00:00Z"
            raise _bad("--expires", bad.message, hint) from None
    if end <= now:
        message = f"--expires {text} is over already; choose a time to come, or peer disable"
        raise PluginError(Code.EXPIRED, message)
    return end


def endpoint(text: str, port: int) -> str:
    """Read HOST[:PORT]; without a port it is ``port``. Raise PluginError if it is neither."""
    address = values.literal(text.removeprefix("[").removesuffix("]"))
    if address is not None:
        text = f"[{address}]" if address.version == 6 else str(address)
    if not re.search(r":\w+$", text) or text.endswith("]"):
        text = f"{text}:{port}"
    return _read("--endpoint", notes.endpoint, text)


def subnet(text: str) -> InterfaceAddress:
    """Read a subnet for peers; return the hub's own address in it, which is its first.

    Raises:
        PluginError: it isn't one, or too small for a peer.
    """
    net, *others = prefixes("--subnet", text)
    if others:
        raise _bad("--subnet", f"{shown(text)} is several subnets", "give --subnet once for each")
    if net.num_addresses < 4:
        message = f"{shown(text)} has no room for a hub and its peers"
        raise _bad("--subnet", message, "write a shorter prefix, such as 10.99.0.0/24")
    return values.interface_address(f"{net[1]}/{net.prefixlen}")


def public_key(text: str) -> Key:
    """Read a client's public key; raise PluginError if it isn't one."""
    found = _read("--public-key", values.key, text)
    if not any(found.raw):
        raise _bad("--public-key", "zeros are no key", "give the output of 'wg pubkey'")
    return found


def number(flag: str, text: str, least: int, most: int) -> int:
    """Read a whole number; raise PluginError if it isn't one, or out of its range."""
    found = values.decimal(text, most)
    if found is None or found < least:
        raise _bad(flag, f"{shown(text)} isn't a number from {least} to {most}", "")
    return found


def _read(flag: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except BadValueError as bad:
        raise _bad(flag, bad.message, bad.hint) from None


def _bad(flag: str, message: str, hint: str) -> PluginError:
    return PluginError(Code.BAD_HUB_OPTION, f"{flag}: {message}{f'; {hint}' if hint else ''}")
