"""Lists of the nftables that anybody has in a namespace, and what their rules do. Pure.

Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wgplugin.kernel.attributes import pack_text, text, unpack
from wgplugin.kernel.nftables import Rule

_GET_CHAIN, _GET_RULE = 0xA04, 0xA07
_HEADER = struct.Struct(">BBH")
_NESTS: dict[str, set[tuple[int, ...]]] = {
    "cmp": {(3,)},
    "immediate": {(2,), (2, 2)},
    "bitwise": {(4,), (5,)},
}
"""Where expressions have attributes in attributes: the kinds on the way there."""

_VERSIONS = {2: 4, 10: 6}
_COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class FoundChain:
    """A chain: its table's family and name, its own name and handle.

    ``hook``, ``priority`` and ``policy`` are those of a base chain; others have no hook.
    """

    family: int
    table: str
    name: str
    handle: int
    hook: int | None = None
    priority: int = 0
    policy: int = 0

    @property
    def version(self) -> int:
        """The IP version of its family; 0 if that has both, or none."""
        return _VERSIONS.get(self.family, 0)


@dataclass(frozen=True, slots=True)
class FoundExpression:
    """An expression of a rule: its name, and its values by the kinds of attributes on their way."""

    name: str
    values: frozenset[tuple[tuple[int, ...], bytes]]


@dataclass(frozen=True, slots=True)
class FoundRule:
    """A rule: the name of its chain, its handle, and its expressions but counters."""

    chain: str
    handle: int
    expressions: tuple[FoundExpression, ...]

    def does(self, rule: Rule) -> bool:
        """Return whether this is a rule like that, which may count other packets.

        The kernel adds values that are left to it.
        """
        wanted = tuple(_expressions(b"".join(rule)))
        return len(wanted) == len(self.expressions) and all(
            mine.name == other.name and other.values <= mine.values
            for mine, other in zip(self.expressions, wanted, strict=True)
        )


def list_chains() -> tuple[int, bytes]:
    """Return the request for all chains of all families: its type and its body."""
    return _GET_CHAIN, _HEADER.pack(0, 0, 0)


def chains(bodies: Iterable[bytes]) -> Iterator[FoundChain]:
    """Yield the chains of a list."""
    for body in bodies:
        found = dict(unpack(body[_HEADER.size :]))
        hook = dict(unpack(found.get(4, b"")))
        yield FoundChain(
            body[0],
            text(found[1]),
            text(found[3]),
            _number(found[2]),
            _number(hook[1]) if hook else None,
            int.from_bytes(hook[2], "big", signed=True) if hook else 0,
            _number(found.get(5, b"")),
        )


def list_rules(family: int, table: str, chain: str = "") -> tuple[int, bytes]:
    """Return the request for the rules of a chain, of all in the table without one."""
    place = pack_text(1, table) + (pack_text(2, chain) if chain else b"")
    return _GET_RULE, _HEADER.pack(family, 0, 0) + place


def rules(bodies: Iterable[bytes]) -> Iterator[FoundRule]:
    """Yield the rules of a list, each chain's in order."""
    for body in bodies:
        found = dict(unpack(body[_HEADER.size :]))
        expressions = tuple(_expressions(found.get(4, b"")))
        yield FoundRule(text(found[2]), _number(found[3]), expressions)


def _expressions(data: bytes) -> Iterator[FoundExpression]:
    for _, element in unpack(data):
        parts = dict(unpack(element))
        name = text(parts[1])
        if name != _COUNTER:
            yield FoundExpression(name, frozenset(_values(name, parts.get(2, b""))))


def _values(
    name: str, data: bytes, way: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], bytes]]:
    for kind, value in unpack(data):
        place = (*way, kind)
        if place in _NESTS.get(name, ()):
            yield from _values(name, value, place)
        else:
            yield place, value


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
