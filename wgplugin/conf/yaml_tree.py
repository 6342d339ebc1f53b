"""A YAML text as a tree that knows where each of its words stands.

Of YAML there is what settings need: tables, lists and words, in one document. There are no aliases,
which can stand for any amount of text, and no tags; what a word means is for others to say. Pure:
bytes in, values out; no input, no output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from wgplugin.codes import Code
from wgplugin.conf.keys import Place
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
    """A text, empty where nothing is; whether it was in quotes doesn't matter."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class List:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: names, which may be repeated or no words at all, and values."""

    place: Place
    pairs: tuple[tuple[Node, Node], ...]


Node = Word | List | Table


class YAMLFaultError(Exception):
    """Raised for a text that is no YAML, or has what isn't used here."""

    def __init__(self, code: Code, place: Place, message: str, hint: str = "") -> None:
        self.fault = Fault(*place, code, message, hint)
        super().__init__(message)


def parse(data: bytes) -> Node:
    """Read a text; an empty one, or one of comments, is an empty word.

    Raises:
        YAMLFaultError: it can't be read; no message repeats what may be a key.
    """
    text = _decoded(data)
    parser = yaml.SafeLoader(text)
    try:
        return _document(iter(parser.get_event, None))
    except yaml.MarkedYAMLError as error:
        problem = str(error.problem)
        said = f": {problem}" if shown(problem) != "this" else ""
        place = _place(error.problem_mark or error.context_mark)
        hint = _HINTS.get(problem, "")
        raise YAMLFaultError(Code.NOT_YAML, place, f"this isn't YAML{said}", hint) from None
    except (ValueError, OverflowError):
        # PyYAML computes with the numbers in escapes and directives, however large.
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
    """Return the tree of the only document that the events are of."""
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


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _end(text: str) -> Place:
    """Return the place that follows a text."""
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))
