"""A pool: the configurations that a network may take, of which each container gets one. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from wgplugin.codes import Code
from wgplugin.errors import PluginError

MAX_LENGTH = 1024
"""The longest text of a pool."""

CONFIGURATION_NAME = re.compile(r"[A-Za-z0-9_=+.-]{1,64}")

_WILD = frozenset("*?[")
_PATTERN = re.compile(r"[][A-Za-z0-9_=+.*?!-]{1,64}")


@dataclass(frozen=True, slots=True)
class Pool:
    """The value of ``wireguard-config``: names of configurations, and patterns for names.

    A pattern is one of the shell: ``*``, ``?`` and ``[abc]``.
    """

    items: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.items)

    @property
    def is_choice(self) -> bool:
        """Whether it may stand for several configurations; else it is one configuration's name."""
        return len(self.items) > 1 or _is_pattern(self.items[0])

    @property
    def named(self) -> tuple[str, ...]:
        """The names in it that aren't patterns."""
        return tuple(item for item in self.items if not _is_pattern(item))

    def matched(self, names: Collection[str]) -> tuple[str, ...]:
        """Return those of ``names`` that are in the pool, in its order: a pattern's are sorted."""
        found: dict[str, None] = {}
        for item in self.items:
            if _is_pattern(item):
                found |= dict.fromkeys(sorted(name for name in names if fnmatchcase(name, item)))
            elif item in names:
                found[item] = None
        return tuple(found)

    def near(self, names: Collection[str]) -> tuple[str, ...]:
        """Return up to three of ``names`` that are like what the pool asks for."""
        bare = [re.sub(r"[][*?!]", "", item) for item in self.items]
        near = (get_close_matches(item, names, n=3, cutoff=0.5) for item in bare)
        return tuple(dict.fromkeys(name for each in near for name in each))[:3]


def read(text: str) -> Pool:
    """Read a pool: names and patterns with commas between them.

    Raises:
        PluginError: an item is neither a configuration's name nor a pattern for some.
    """
    items = tuple(dict.fromkeys(item.strip(" ") for item in text.split(",")))
    if len(text) > MAX_LENGTH:
        message = f"wireguard-config is longer than {MAX_LENGTH} characters; write a pattern"
        raise PluginError(Code.CONFIGURATION_NAME, message)
    for item in items:
        if item.endswith(".conf"):
            message = f"wireguard-config is a name without .conf: {item.removesuffix('.conf')}"
            raise PluginError(Code.CONFIGURATION_NAME, message)
        if not (_PATTERN if _is_pattern(item) else CONFIGURATION_NAME).fullmatch(item):
            raise PluginError(
                Code.CONFIGURATION_NAME,
                "wireguard-config is the name of a file in the configuration folder, not a path, "
                "or a pattern for such names: up to 64 letters, digits and _ = + . - and in a "
                "pattern * ? [ ] ! as well",
            )
    return Pool(items)


def ranked(
    names: Sequence[str], *, rotate: bool, used: Sequence[str], failed: Collection[str]
) -> tuple[str, ...]:
    """Return a pool's configurations in the order in which a container tries them.

    That is the order of ``names``, or with ``rotate`` the least recently used one first; ``used``
    has the latest as its last. Those that ``failed`` at their last use come last.
    """
    last = {name: number for number, name in enumerate(used)}

    def place(name: str) -> tuple[bool, int]:
        return name in failed, last.get(name, -1) if rotate else 0

    return tuple(sorted(names, key=place))


def _is_pattern(item: str) -> bool:
    return not _WILD.isdisjoint(item)
