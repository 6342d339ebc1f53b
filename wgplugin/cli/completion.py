"""The answers to a shell that completes a command line. Pure, but for the completers of others.

The requests and answers are those of cobra, the library of Docker's client, which asks its plugins
so: ``__complete ARGUMENT…``, the last one being the word at the cursor. The answer has a candidate
a line, with its description after a tab, and ends with ``:`` and a number, cobra's
ShellCompDirective.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from wgplugin.errors import PluginError

DESCRIBED, PLAIN = "__complete", "__completeNoDesc"
REQUESTS = (DESCRIBED, PLAIN)


class Directive(IntEnum):
    """What the shell should do besides offering the candidates; the numbers are cobra's."""

    FILES = 0
    NOTHING = 4
    FOLDERS = 16


Completer = Callable[[Mapping[str, str]], Iterable[str]]
"""Takes the values before the cursor by the ``dest`` of their arguments; returns all candidates."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The candidates, each with its description, which may be empty."""

    candidates: tuple[tuple[str, str], ...] = ()
    directive: Directive = Directive.NOTHING


@dataclass(slots=True)
class _Place:
    """Where a command line's next word belongs."""

    parser: argparse.ArgumentParser
    positionals: list[argparse.Action]
    values: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """The ``dest`` of the options that were given."""
    pending: argparse.Action | None = None
    """The option whose value is next."""
    only_positionals: bool = False


def offer(argument: argparse.Action, what: Completer | Directive) -> None:
    """Let an argument's values be completed: by a completer, or as files or folders."""
    vars(argument)["completer"] = what


def answer(parser: argparse.ArgumentParser, request: str, words: Sequence[str]) -> str:
    """Return the lines that answer a request; ``words`` are those after it, up to the cursor."""
    found = complete(parser, words)
    lines = [
        f"{word}\t{text}" if text and request == DESCRIBED else word
        for word, text in found.candidates
    ]
    return "\n".join([*lines, f":{found.directive}"])


def complete(parser: argparse.ArgumentParser, words: Sequence[str]) -> Answer:
    """Return what the last of a command line's words may become."""
    *before, current = words or [""]
    place = _start(parser)
    for word in before:
        if not _pass(place, word):
            return Answer()
    if place.pending:
        return _values(place.pending, current, place.values)
    if current.startswith("-") and not place.only_positionals:
        name, is_given, value = current.partition("=")
        if not is_given:
            return Answer(tuple(_options(place, current)))
        option = place.parser._option_string_actions.get(name)
        return _values(option, value, place.values, f"{name}=") if option else Answer()
    if place.positionals:
        return _values(place.positionals[0], current, place.values)
    return Answer()


def _start(parser: argparse.ArgumentParser) -> _Place:
    return _Place(parser, [each for each in parser._actions if not each.option_strings])


def _pass(place: _Place, word: str) -> bool:
    """Go on past a word. False if it is a command that there isn't."""
    if place.pending:
        place.values[place.pending.dest] = word
        place.pending = None
    elif word == "--":
        place.only_positionals = True
    elif word.startswith("-") and not place.only_positionals:
        name, is_given, value = word.partition("=")
        if option := place.parser._option_string_actions.get(name):
            place.seen.add(option.dest)
            if is_given:
                place.values[option.dest] = value
            elif option.nargs != 0:
                place.pending = option
    elif place.positionals:
        positional = place.positionals[0]
        if isinstance(positional, argparse._SubParsersAction):
            if word not in positional.choices:
                return False
            inner = _start(positional.choices[word])
            place.parser, place.positionals = inner.parser, inner.positionals
        else:
            place.values[positional.dest] = word
            if positional.nargs not in ("+", "*"):
                place.positionals.pop(0)
    return True


def _options(place: _Place, current: str) -> Iterator[tuple[str, str]]:
    for option in place.parser._actions:
        again = isinstance(option, argparse._AppendAction) or option.dest not in place.seen
        if option.help == argparse.SUPPRESS or not again:
            continue
        for name in option.option_strings:
            if name.startswith("--") and name.startswith(current):
                yield name, option.help or ""


def _values(
    argument: argparse.Action, current: str, values: Mapping[str, str], before: str = ""
) -> Answer:
    """Return the values of an argument that begin with ``current``, with ``before`` before each."""
    offered: Completer | Directive | None = vars(argument).get("completer")
    if isinstance(offered, Directive):
        return Answer(directive=offered)
    candidates: Iterable[tuple[str, str]] = ()
    if offered:
        try:
            candidates = [(word, "") for word in offered(values)]
        except (OSError, PluginError):
            # There is nobody to read an error.
            return Answer()
    elif isinstance(argument, argparse._SubParsersAction):
        candidates = [(each.dest, each.help or "") for each in argument._choices_actions]
    elif argument.choices:
        candidates = [(str(choice), "") for choice in argument.choices]
    return Answer(
        tuple((before + word, text) for word, text in candidates if word.startswith(current))
    )
