"""A YAML text as a tree; each node has its position in the text.

Only a part of YAML is accepted, enough for settings: tables, lists and words, in one document.
Aliases are refused, as a short text of them can expand without limit; so are tags. The caller
interprets the words. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from wgplugin.codes import Code
from wgplugin.conf.keys import Position
from wgplugin.errors import Fault
from wgplugin.redact import shown

MAX_DEPTH = 8

_HINTS = {
    "mapping values are not allowed here": "look at the line's indentation, and the line above",
    "could not find expected ':'": "write NAME: VALUE, with a space after the ':'",
    "expected <block end>, but found '<block mapping start>'": "look at the line's indentation",
    "found character '\\t' that cannot start any token": "indent with spaces: YAML takes no tabs",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A single value as text, without quotes; empty where the value is missing."""

    place: Position
    text: str


@dataclass(frozen=True, slots=True)
class List:
    """A list of values."""

    place: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of names and values; a name may be repeated, and may be any node."""

    place: Position
    pairs: tuple[tuple[Node, Node], ...]


Node = Word | List | Table


class YAMLFaultError(Exception):
    """Raised for a text that isn't YAML, or has a part of YAML that isn't accepted here."""

    def __init__(self, code: Code, place: Position, message: str, hint: str = "") -> None:
        self.fault = Fault(*place, code, message, hint)
        super().__init__(message)


def parse(data: bytes) -> Node:
    """Parse a text; an empty one, or one of comments only, gives an empty word.

    Raises:
        YAMLFaultError: the text can't be read; the message repeats nothing that may be a key.
    """
    text = _decoded(data)
    parser = yaml.SafeLoader(text)
    try:
        return _document(iter(parser.get_event, None))
    except yaml.MarkedYAMLError as error:
        problem = str(error.problem)
        detail = f": {problem}" if shown(problem) != "this" else ""
        place = _place(error.problem_mark or error.context_mark)
        hint = _HINTS.get(problem, "")
        raise YAMLFaultError(Code.NOT_YAML, place, f"this isn't YAML{detail}", hint) from None
    except (ValueError, OverflowError):
        # PyYAML converts the numbers in escapes and directives, however large they are.
        place = _place(parser.get_mark())
        raise YAMLFaultError(Code.NOT_YAML, place, "this isn't YAML") from None


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _end(data[: error.start].decode(errors="replace"))
        message = "this isn't text in UTF-8"
        raise YAMLFaultError(Code.NOT_TEXT, place, message, "save it as UTF-8") from None
    try:
        yaml.reader.Reader(text)
    except yaml.reader.ReaderError as error:
        place = _end(text[: error.position])
        message = "here is a control character"
        raise YAMLFaultError(Code.NOT_TEXT, place, message, "remove it") from None
    return text


def _document(events: Iterator[Any]) -> Node:
    """Return the tree of the only document in the events."""
    next(events)
    start = next(events)
    if isinstance(start, yaml.StreamEndEvent):
        return Word(_place(start.start_mark), "")
    root = _node(events, next(events), 0)
    next(events)
    end = next(events)
    if not isinstance(end, yaml.StreamEndEvent):
        place, message = _place(end.start_mark), "a second document begins"
        raise YAMLFaultError(Code.UNUSED_YAML, place, message, "remove the '---'")
    return root


def _node(events: Iterator[Any], event: Any, depth: int) -> Node:
    place = _place(event.start_mark)
    if isinstance(event, yaml.AliasEvent):
        message = "aliases aren't used here"
        raise YAMLFaultError(Code.UNUSED_YAML, place, message, "write the value out")
    if event.tag is not None:
        message = "tags aren't used here"
        raise YAMLFaultError(Code.UNUSED_YAML, place, message, "remove the '!' and its word")
    if depth > MAX_DEPTH:
        raise YAMLFaultError(Code.UNUSED_YAML, place, "this is nested too deeply")
    if isinstance(event, yaml.ScalarEvent):
        return Word(place, event.value)
    inner = _inner(events, depth + 1)
    if isinstance(event, yaml.SequenceStartEvent):
        return List(place, tuple(inner))
    return Table(place, tuple(zip(inner, inner, strict=True)))


def _inner(events: Iterator[Any], depth: int) -> Iterator[Node]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield _node(events, event, depth)


def _place(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _end(text: str) -> Position:
    """Return the position right after a text."""
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))
