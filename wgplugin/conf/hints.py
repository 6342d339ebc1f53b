"""Error messages and hints for lines of a configuration file that can't be used. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import NamedTuple

from wgplugin.codes import Code
from wgplugin.conf import foreign

SPACE = " \t\n\v\f\r"
"""White space by wg(8) (isspace() of ctype.h); Python's str.isspace() accepts more."""

_KEY_ALONE = re.compile(r"[A-Za-z0-9+/_-]{40,44}=?")
_NAME = re.compile(r"(?=.{1,20}$)(?:[A-Z]{0,3}[a-z]{2,})+[A-Z]{0,3}[0-9]?")
_GAP = re.compile(r"[^\s,]\s+[^\s,]")
_WORD_END = re.compile(r"[ \t\n\v\f\r:=]")
_NO_SPACE = dict.fromkeys(map(ord, SPACE))

_ODD_SPACES = {
    "\u00a0": ("a no-break space", "replace it with a plain space"),
    "\u2007": ("a figure space", "replace it with a plain space"),
    "\u202f": ("a narrow no-break space", "replace it with a plain space"),
    "\u200b": ("a zero-width space", "delete it"),
}
"""What looks like white space or like nothing, and is part of the text for wg(8)."""

_ODD_SPACE = re.compile(f"[{''.join(_ODD_SPACES)}]")

_ALIASES = {
    "host": "Endpoint",
    "ip": "Address",
    "ips": "AllowedIPs",
    "keepalive": "PersistentKeepalive",
    "nameserver": "DNS",
    "port": "ListenPort",
    "psk": "PresharedKey",
    "server": "Endpoint",
}


class Guess(NamedTuple):
    """The mistake in a line, the fix, and the known name that was ``meant``, if any.

    Of guesses with the same ``once``, a file shows only the first; empty shows each.
    """

    code: Code
    message: str
    hint: str = ""
    meant: str = ""
    once: str = ""


def remove_space(text: str) -> str:
    """Return ``text`` without white space (`SPACE`)."""
    return text.translate(_NO_SPACE)


def lower(text: str) -> str:
    """Return ``text`` in lower case if it is ASCII, else unchanged: the Kelvin sign is no ``k``."""
    return text.lower() if text.isascii() else text


def fold(name: str) -> str:
    """Return a name in the form that wg(8) compares: without white space, in lower case."""
    return lower(remove_space(name))


class OddSpace(NamedTuple):
    """A character that only looks like white space; ``offset`` is where in the text it is."""

    offset: int
    message: str
    hint: str


def odd_space(text: str) -> OddSpace | None:
    """Return the first character of a text that only looks like white space, or None."""
    found = _ODD_SPACE.search(text)
    if found is None:
        return None
    name, hint = _ODD_SPACES[found[0]]
    return OddSpace(found.start(), f"here is {name}, U+{ord(found[0]):04X}", hint)


def with_plain_spaces(text: str) -> str:
    """Return ``text`` with a plain space for each character that only looks like one."""
    return _ODD_SPACE.sub(" ", text)


def about_value(raw: str, commas: bool = False) -> str:
    """Return a hint on a value of the file, or an empty text; ``commas``: the value is a list."""
    if ";" in raw or " //" in raw:
        return "comments begin with '#'"
    if raw[:1] in ("'", '"', "“", "‘"):
        return "remove the quotes"
    if raw[:1] in ("<", "{", "$"):
        return "a placeholder is still to be filled in"
    if commas and _GAP.search(raw):
        return "put commas between the addresses"
    return ""


def unknown_section(code: str) -> Guess:
    """Return a guess for a line that begins with ``[`` but isn't a section of WireGuard."""
    name, _, rest = code[1:].partition("]")
    owner = foreign.owner_of_section(fold(name))
    meant = _closest(name, ("Interface", "Peer"))
    if owner:
        message = f"[{remove_space(name)}] is a section of {owner.name}"
        return Guess(Code.OTHER_PROGRAM, message, owner.hint)
    if fold(name) == meant.lower():
        message = f"this must be [{meant}], alone in its line"
        return Guess(Code.UNKNOWN_SECTION, message, about_value(rest), meant)
    hint = f"did you mean [{meant}]?" if meant else "there are only [Interface] and [Peer]"
    message = f"unknown section{_shown_name(name.strip(SPACE))}"
    return Guess(Code.UNKNOWN_SECTION, message, hint, meant)


def unknown_line(code: str, section: str, section_of: Mapping[str, str]) -> Guess:
    """Return a guess for a line that isn't valid in ``section``.

    ``section`` is empty before the first one. ``section_of`` has the section of every known name.
    """
    raw_name, equals, _ = code.partition("=")
    name, names = fold(raw_name), {each.lower(): each for each in section_of}
    if code.startswith((";", "//")):
        return Guess(Code.MALFORMED_LINE, "this isn't a comment", "comments begin with '#'")
    if owner := foreign.owner_of_key(name, remove_space(raw_name), section):
        message = f"{remove_space(raw_name)} is a key of {owner.name}"
        return Guess(Code.OTHER_PROGRAM, message, owner.hint, once=owner.name)
    if name in names:
        return _misplaced(names[name], code, section, section_of[names[name]])
    if meant := _without_equals(code, names):
        return _equals_missing(meant)
    if not section:
        return _before_any_section()
    if _KEY_ALONE.fullmatch(remove_space(code)):
        hint = "write PrivateKey or PublicKey before"
        return Guess(Code.MALFORMED_LINE, "a key stands here without its name", hint)
    meant = _closest(raw_name, tuple(section_of))
    hint = f"did you mean {meant}?" if meant else "neither wg nor wg-quick knows it"
    if not equals:
        hint = hint if meant else "comments begin with '#'"
        return Guess(Code.MALFORMED_LINE, "this line has no '='", hint, meant)
    message = f"unknown key{_shown_name(raw_name.strip(SPACE))}"
    return Guess(Code.UNKNOWN_KEY, message, hint, meant)


def _misplaced(name: str, code: str, section: str, home: str) -> Guess:
    """Return a guess for a known key in the wrong place or form."""
    raw_name, equals, value = code.partition("=")
    if not equals:
        return _equals_missing(name)
    if not section:
        return _before_any_section(name)
    if home != section:
        return Guess(Code.MISPLACED_KEY, f"{name} belongs in [{home}]", "", name)
    if fold(raw_name) != lower(raw_name.strip(SPACE)):
        return Guess(Code.SPACES_IN_NAME, f"{name} must be written without spaces", "", name)
    if remove_space(value):
        message = f"wg-quick finds {name} only below '[Interface]'"
        hint = "remove the spaces inside the section's name"
        return Guess(Code.SPACES_IN_NAME, message, hint, name, "quick")
    hint = "leave the line out if it isn't needed"
    return Guess(Code.MALFORMED_LINE, f"{name} has no value", hint, name)


def _equals_missing(name: str) -> Guess:
    message = f"the '=' after {name} is missing"
    return Guess(Code.MALFORMED_LINE, message, f"write {name} = …", name)


def _before_any_section(name: str = "") -> Guess:
    message, hint = "this comes before any section", "begin with [Interface]"
    return Guess(Code.MISPLACED_KEY, message, hint, name, "section")


def _without_equals(code: str, names: Mapping[str, str]) -> str:
    """Return the known name at the start of a line that lacks its ``=``, or an empty text."""
    first_word = _WORD_END.split(code, maxsplit=1)[0]
    if lower(first_word) in names:
        return names[lower(first_word)]
    name, _, value = fold(code).partition("=")
    found = (each for each in names if name.startswith(each) and not value.strip("="))
    return names.get(max(found, key=len, default=""), "")


def _shown_name(name: str) -> str:
    """Return a space and the quoted name if it looks like a word, else an empty text.

    Anything else may be a piece of a key: base64 hardly ever looks like a word.
    """
    return f" '{name}'" if _NAME.fullmatch(name) else ""


def _closest(name: str, known: tuple[str, ...]) -> str:
    """Return the one of ``known`` that ``name`` probably stands for, or an empty text."""
    name = name.strip(SPACE).lower()
    by_name = {each.lower(): each for each in known}
    if _ALIASES.get(name) in known:
        return _ALIASES[name]
    found = difflib.get_close_matches(name, by_name, n=1, cutoff=0.75) if len(name) < 32 else ()
    return by_name[found[0]] if found else ""
