"""Notes: comment lines of a configuration file that only this project reads.

``# wgplugin: KIND KEY=VALUE …``. For wg(8) they are comments. What a note says counts, so a mistake
in one is an error: a peer whose ``expires`` is misspelt would never end. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from wgplugin.codes import Code
from wgplugin.conf.endpoint import endpoint as read_endpoint
from wgplugin.conf.values import MAX_PORT, BadValueError, allowed_ip, commas, decimal, key, literal
from wgplugin.model.notes import DisabledNote, EndNote, HubNote, Note, PeerNote, Reach, RemovedNote
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.model.published import Protocol
from wgplugin.redact import shown

LINE = re.compile(r"[ \t]*#[ \t]*wgplugin:(?P<text>.*)", re.DOTALL)
"""A line that is a note."""

NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,64}")
"""A peer's name."""

_WORD = re.compile(r"\S+")
_PORT = re.compile(r"(?P<prefix>.*):(?P<protocol>tcp|udp)/(?P<port>\w+)")
_PROTOCOLS: dict[str, Protocol] = {"tcp": "tcp", "udp": "udp"}
_REACH_FORM = "write PREFIX or PREFIX:PROTOCOL/PORT, as 172.30.5.0/24 or 172.30.5.2/32:tcp/443"


def note(text: str) -> Note:
    """Read a note, given what is behind ``wgplugin:``.

    Raises:
        BadValueError: it isn't a note, or a part of it can't be.
    """
    words = [(match.start(), match[0]) for match in _WORD.finditer(text)]
    if not words or words[0][1] not in _KINDS:
        what, offset = (shown(words[0][1]), words[0][0]) if words else ("this", 0)
        kinds = ", ".join(_KINDS)
        raise _fault(f"{what} is no kind of note; there are: {kinds}", "", offset)
    kind, readers = _KINDS[words[0][1]]
    values: dict[str, Any] = {}
    for offset, word in words[1:]:
        name, equals, value = word.partition("=")
        if name not in readers or not equals:
            message = f"{shown(word if not equals else name)} isn't known in this note"
            has = ", ".join(f"{each}=…" for each in readers) or "nothing"
            raise _fault(message, f"it may have: {has}", offset)
        if name in values:
            raise _fault(f"{name} is there twice", "", offset)
        start = offset + len(name) + 1
        try:
            values[name] = readers[name](value)
        except BadValueError as bad:
            raise _fault(f"{name}: {bad.message}", bad.hint, start + bad.offset) from None
    try:
        return kind(**values)
    except TypeError:
        raise _fault(f"a part of this note is missing: {', '.join(readers)}", "", 0) from None


def written(value: Note) -> str:
    """Return a note's line, without its end."""
    return f"# wgplugin: {' '.join(_words(value))}"


def peer_name(text: str) -> str:
    """Read the name of a peer; raise BadValueError if it can't be one."""
    if not NAME.fullmatch(text):
        raise _fault(f"{shown(text)} isn't a name", "use up to 64 letters, digits and _ . @ + -")
    return text


def reaches(text: str) -> tuple[Reach, ...]:
    """Read a list of what a peer may reach; raise BadValueError if an item can't be."""
    return tuple(_reach(item, offset) for offset, item in commas(text))


def moment(text: str) -> int:
    """Read a date or a time (RFC 3339; UTC if it names no zone); return seconds since 1970.

    Raises:
        BadValueError: it is neither.
    """
    try:
        read = datetime.fromisoformat(text)
        return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        hint = "write 2026-12-31 or 2026-12-31T18:00:00Z"
        raise _fault(f"{shown(text)} is neither a date nor a time", hint) from None


def moment_text(seconds: int) -> str:
    """Return a time, given in seconds since 1970, as moment() reads it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def endpoint(text: str) -> str:
    """Check what clients dial, HOST:PORT, and return it; raise BadValueError if it isn't that."""
    read_endpoint(text)
    return text


def addresses(text: str) -> tuple[IPAddress, ...]:
    """Read a list of IP addresses; raise BadValueError if an item isn't one."""
    found = []
    for offset, item in commas(text):
        address = literal(item)
        if address is None:
            raise _fault(f"{shown(item)} isn't an IP address", "", offset)
        found.append(address)
    return tuple(found)


def _words(value: Note) -> list[str]:
    match value:
        case PeerNote():
            words = ["peer"]
            if value.name:
                words.append(f"name={value.name}")
            if value.expires is not None:
                words.append(f"expires={moment_text(value.expires)}")
            if value.reach is not None:
                words.append(f"reach={','.join(map(str, value.reach))}")
        case HubNote():
            words = ["hub"]
            if value.endpoint:
                words.append(f"endpoint={value.endpoint}")
            if value.dns:
                words.append(f"dns={','.join(map(str, value.dns))}")
            if value.last:
                words.append(f"last={value.last}")
        case RemovedNote():
            words = ["removed", f"name={value.name}", f"key={value.key.base64()}"]
            if value.addresses:
                words.append(f"addresses={','.join(map(str, value.addresses))}")
        case DisabledNote():
            words = ["disabled"]
        case EndNote():
            words = ["end"]
    return words


def _reach(text: str, offset: int) -> Reach:
    match = _PORT.fullmatch(text)
    if not match:
        return Reach(_prefix(text, offset))
    port = decimal(match["port"], MAX_PORT)
    if not port:
        message = f"the port {shown(match['port'])} isn't a number from 1 to {MAX_PORT}"
        raise _fault(message, "", offset + match.start("port"))
    return Reach(_prefix(match["prefix"], offset), _PROTOCOLS[match["protocol"]], port)


def _prefix(text: str, offset: int) -> Prefix:
    try:
        change = allowed_ip(text)
    except BadValueError:
        raise _fault(f"{shown(text)} isn't what a peer may reach", _REACH_FORM, offset) from None
    if change.sign or not change.exact:
        message = f"{shown(text)} isn't a prefix"
        raise _fault(message, f"did you mean {change.range}?", offset)
    return change.range


def _number(text: str) -> int:
    number = decimal(text, 2**64)
    if number is None:
        raise _fault(f"{shown(text)} isn't a number", "")
    return number


def _fault(message: str, hint: str, offset: int = 0) -> BadValueError:
    return BadValueError(Code.BAD_NOTE, message, hint, offset)


_KINDS: Mapping[str, tuple[Callable[..., Note], Mapping[str, Callable[[str], Any]]]] = {
    "hub": (HubNote, {"endpoint": endpoint, "dns": addresses, "last": _number}),
    "peer": (PeerNote, {"name": peer_name, "expires": moment, "reach": reaches}),
    "disabled": (DisabledNote, {}),
    "end": (EndNote, {}),
    "removed": (RemovedNote, {"name": peer_name, "key": key, "addresses": addresses}),
}
"""The kinds of notes, with the readers of what each may have."""
