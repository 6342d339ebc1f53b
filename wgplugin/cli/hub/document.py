"""A hub's file as text: its peers, and edits that leave everything else as it is. Pure.

A disabled peer's section is commented out, line by line, so that no program takes it for a peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from wgplugin.codes import Code
from wgplugin.conf import notes, parser
from wgplugin.conf.hints import SPACE, fold
from wgplugin.conf.values import BadValueError
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import Key
from wgplugin.model.notes import DisabledNote, EndNote, HubNote, Note, PeerNote, RemovedNote
from wgplugin.model.prefixes import IPAddress, Prefix

_OFF = "# "
_INTERFACE, _PEER = parser.SECTIONS
# The parser wants an [Interface]; this one's key is nobody's.
_ANY_INTERFACE = f"\n[Interface]\nPrivateKey = {'A' * 42}E="


@dataclass(frozen=True, slots=True)
class Entry:
    """A peer of the file.

    ``first``, ``behind``: its lines, counted from 0; for a disabled one with those that say so.
    """

    peer: PeerSection
    is_enabled: bool
    first: int
    behind: int

    @property
    def note(self) -> PeerNote:
        """What its note says."""
        return self.peer.note

    @property
    def line(self) -> int:
        """Its first line, counted from 1."""
        return self.first + 1

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Its addresses, without longer ranges that it may have behind it."""
        nets = self.peer.allowed_ips
        return tuple(net[0] for net in nets if net.prefixlen == net.max_prefixlen)


@dataclass(frozen=True)
class Document:
    """A file; each edit returns another one. ``name`` is that of the file, as messages show it."""

    name: str
    lines: tuple[str, ...]

    @staticmethod
    def read(name: str, content: bytes) -> Document:
        """Return the file with this content.

        Raises:
            ConfigError: it has mistakes, also in a disabled section.
        """
        found = Document(name, tuple(content.decode(errors="surrogateescape").split("\n")))
        _ = found.config, found.entries
        return found

    @property
    def content(self) -> bytes:
        """The file's content."""
        return "\n".join(self.lines).encode(errors="surrogateescape")

    @cached_property
    def config(self) -> InterfaceConfig:
        """What the file says, without disabled peers."""
        return parser.parse(self.content, self.name)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The peers, in the file's order, disabled ones, too."""
        return tuple(sorted(self._entries(), key=lambda entry: entry.first))

    @property
    def hub(self) -> HubNote | None:
        """What the note of [Interface] says; None without one."""
        return self.config.hub

    @property
    def removed(self) -> tuple[RemovedNote, ...]:
        """What is left of former peers and keys."""
        found = (_note(line) for line in self.lines)
        return tuple(each for each in found if isinstance(each, RemovedNote))

    def with_hub(self, note: HubNote) -> Document:
        """Return the file with another note of its [Interface]."""
        start = next(index for index, line in enumerate(self.lines) if _title(line) == _INTERFACE)
        for index, line in enumerate(self.lines):
            if isinstance(_note(line), HubNote):
                return self._with(index, index + 1, [self._ended(notes.written(note))])
        return self._with(start + 1, start + 1, [self._ended(notes.written(note))])

    def with_peer(
        self, note: PeerNote, key: Key, preshared_key: Key | None, allowed_ips: Sequence[Prefix]
    ) -> Document:
        """Return the file with one more peer, at its end."""
        lines = ["[Peer]", notes.written(note), f"PublicKey = {key.base64()}"]
        if preshared_key:
            lines.append(f"PresharedKey = {preshared_key.base64()}")
        lines.append(f"AllowedIPs = {', '.join(map(str, allowed_ips))}")
        ended = [self._ended(line) for line in lines]
        if self.lines[-1].strip(SPACE):
            # The last line has no end yet.
            last = self._ended(self.lines[-1])
            return replace(self, lines=(*self.lines[:-1], last, self._ended(""), *ended, ""))
        return replace(self, lines=(*self.lines[:-1], self._ended(""), *ended, ""))

    def with_note(self, entry: Entry, note: PeerNote) -> Document:
        """Return the file with another note of a peer."""

        def change(lines: list[str]) -> Iterator[str]:
            written = self._ended(notes.written(note))
            has_one = any(isinstance(_note(line), PeerNote) for line in lines)
            for index, line in enumerate(lines):
                yield written if isinstance(_note(line), PeerNote) else line
                if index == 0 and not has_one:
                    yield written

        return self._changed(entry, change)

    def with_keys(self, entry: Entry, key: Key, preshared_key: Key | None) -> Document:
        """Return the file with other keys of a peer; it may have no preshared key."""

        def change(lines: list[str]) -> Iterator[str]:
            for line in lines:
                name = _key_name(line)
                if name == "publickey":
                    yield _valued(line, key)
                    if preshared_key:
                        yield self._ended(f"PresharedKey = {preshared_key.base64()}")
                elif name != "presharedkey":
                    yield line

        return self._changed(entry, change)

    def disabled(self, entry: Entry) -> Document:
        """Return the file with a peer disabled that is enabled."""
        lines = [f"{_OFF}{line}" for line in self.lines[entry.first : entry.behind]]
        around = [self._ended(notes.written(each)) for each in (DisabledNote(), EndNote())]
        return self._with(entry.first, entry.behind, [around[0], *lines, around[1]])

    def enabled(self, entry: Entry) -> Document:
        """Return the file with a peer enabled that is disabled: as it was before that."""
        return self._with(entry.first, entry.behind, self._plain(entry))

    def without(self, entry: Entry, left: RemovedNote) -> Document:
        """Return the file without a peer; ``left`` is in its place. Comments of others stay."""
        rest = [line for line in self._plain(entry)[1:] if _is_foreign(line)]
        return self._with(entry.first, entry.behind, [self._ended(notes.written(left)), *rest])

    def with_removed(self, entry: Entry, left: RemovedNote) -> Document:
        """Return the file with a note of what a peer was, before the peer."""
        return self._with(entry.first, entry.first, [self._ended(notes.written(left))])

    def _changed(self, entry: Entry, change: Callable[[list[str]], Iterator[str]]) -> Document:
        lines = list(change(self._plain(entry)))
        if entry.is_enabled:
            return self._with(entry.first, entry.behind, lines)
        return self._with(entry.first + 1, entry.behind - 1, [f"{_OFF}{line}" for line in lines])

    def _plain(self, entry: Entry) -> list[str]:
        """Return the lines of a peer as they are if it is enabled."""
        lines = self.lines[entry.first : entry.behind]
        return list(lines) if entry.is_enabled else [_uncommented(line) for line in lines[1:-1]]

    def _with(self, first: int, behind: int, lines: Sequence[str]) -> Document:
        return replace(self, lines=(*self.lines[:first], *lines, *self.lines[behind:]))

    def _ended(self, line: str) -> str:
        """Return a line with what the file's lines have before their line feed."""
        return line + ("\r" if self.lines[0].endswith("\r") and len(self.lines) > 1 else "")

    def _entries(self) -> Iterator[Entry]:
        first: int | None = None
        behind = index = 0
        while index < len(self.lines):
            line, found = self.lines[index], _note(self.lines[index])
            if isinstance(found, DisabledNote):
                end = self._end_of(index)
                lines = [_uncommented(each) for each in self.lines[index + 1 : end]]
                yield Entry(self._peer(lines, index + 1), False, index, end + 1)
                index = end + 1
                continue
            if title := _title(line):
                if first is not None:
                    yield Entry(self._peer(self.lines[first:behind], first), True, first, behind)
                first, behind = (index, index + 1) if title == _PEER else (None, 0)
            elif first is not None and (_key_name(line) or isinstance(found, PeerNote)):
                behind = index + 1
            index += 1
        if first is not None:
            yield Entry(self._peer(self.lines[first:behind], first), True, first, behind)

    def _end_of(self, disabled: int) -> int:
        for index in range(disabled + 1, len(self.lines)):
            found = _note(self.lines[index])
            if isinstance(found, EndNote):
                return index
            if not self.lines[index].startswith("#") or isinstance(found, DisabledNote):
                break
        hint = "add '# wgplugin: end' below its last line"
        fault = Fault(disabled + 1, 1, Code.BAD_NOTE, "this disabled [Peer] has no end", hint)
        raise ConfigError(self.name, [fault])

    def _peer(self, lines: Sequence[str], first: int) -> PeerSection:
        text = "\n".join(lines) + _ANY_INTERFACE
        try:
            found = parser.parse(text.encode(errors="surrogateescape"), self.name).peers
        except ConfigError as error:
            faults = [replace(each, line=first + max(each.line, 1)) for each in error.faults]
            raise ConfigError(self.name, faults) from None
        if len(found) != 1:
            message = "a disabled section isn't one [Peer]"
            raise ConfigError(self.name, [Fault(first + 1, 1, Code.BAD_NOTE, message)])
        return found[0]


def _note(line: str) -> Note | None:
    """Return what a line notes; None if it is no note, or not ours."""
    match = notes.LINE.fullmatch(line)
    if not match:
        return None
    try:
        return notes.note(match["text"])
    except BadValueError:
        return None


def _code(line: str) -> str:
    return line.removeprefix("\ufeff").partition("#")[0].partition("\0")[0]


def _title(line: str) -> str:
    name = fold(_code(line).strip(SPACE))
    return name if name in parser.SECTIONS else ""


def _key_name(line: str) -> str:
    """Return the name of the key that a line sets, in lower case; empty if it sets none."""
    name, equals, _ = _code(line).partition("=")
    return fold(name) if equals else ""


def _valued(line: str, key: Key) -> str:
    """Return a line that sets a key, with another value and all else as it is."""
    code = _code(line)
    name, _, value = code.partition("=")
    start = len(name) + 1 + len(value) - len(value.lstrip(SPACE))
    end = len(code.rstrip(SPACE))
    return line[:start] + key.base64() + line[end:]


def _uncommented(line: str) -> str:
    return line.removeprefix("#").removeprefix(" ")


def _is_foreign(line: str) -> bool:
    return not _key_name(line) and not isinstance(_note(line), PeerNote)
