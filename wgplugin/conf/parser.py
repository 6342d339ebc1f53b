"""The parser of wg-quick(8)'s configuration files.

The grammar is that of wg(8) (config.c) with the additions of wg-quick(8) (linux.bash). They read a
line differently. wg-quick comes first: it takes its own keys out of [Interface], and keeps white
space. wg(8) then drops all white space, and ignores the case of names. Deliberate differences:

- accepted only here: a byte order mark, a repeated Address, ``Table = OFF`` in any case, and keys
  of other programs with values that plain WireGuard satisfies (`foreign`);
- refused only here: a file without a PrivateKey (or with one of zeros), a ListenPort that isn't a
  number up to 65535, an Endpoint with an unusable port or an IP address in an outdated notation,
  an MTU below 68, and values of Address and DNS that ip(8) or a resolver accepts by accident;
- host names, service names and zones are checked at lookup, not here.

Pure.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from wgplugin.codes import Code
from wgplugin.conf import foreign, hints, notes, noting
from wgplugin.conf.hints import SPACE, fold, lower, remove_space
from wgplugin.conf.keys import (
    INTERFACE_KEYS,
    PEER_KEYS,
    QUICK_KEYS,
    SECTION_OF,
    InterfaceDraft,
    KeySpec,
    PeerDraft,
    Position,
    Section,
    Warned,
    merge,
)
from wgplugin.conf.values import BadValueError, commas
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.attachment import IPV6_MIN_MTU
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import AllowedIP, Key
from wgplugin.model.notes import NO_NOTE

MAX_SIZE = 1024 * 1024
"""The largest size of a file, in bytes."""

MAX_FAULTS = 100
"""After this many faults, reading stops: the file is something else."""

SECTIONS = ("[interface]", "[peer]")
"""The headers of the sections, as fold() returns them."""

NAMES = {name.lower(): name for name in SECTION_OF}
"""The names of the keys, by what fold() returns for them."""


def parse(data: bytes, path: str) -> InterfaceConfig:
    """Parse a configuration file.

    Args:
        data: the file's content.
        path: the file's name, as messages show it.

    Raises:
        ConfigError: the file can't be used; holds all of its faults, up to `MAX_FAULTS`.
    """
    reader = _Reader()
    fault = _unreadable(data)
    if fault is None:
        reader.read(data.decode(errors="replace").removeprefix("\ufeff"))
        config = reader.finish()
        if config is not None:
            return config
    raise ConfigError(path, (fault,) if fault else reader.faults)


def _unreadable(data: bytes) -> Fault | None:
    """Return the fault of a file that is empty or isn't text in lines, else None."""
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff") or data.count(0) * 3 > len(data)
    if utf16:
        message = "this file is in UTF-16 or isn't text"
        return Fault(1, 1, Code.NOT_TEXT, message, "save it as UTF-8")
    if b"\r" in data.strip() and b"\n" not in data:
        message = "this file has CR alone at its line ends"
        return Fault(1, 1, Code.NOT_TEXT, message, "save it with LF or CR LF")
    if not data.strip():
        return Fault(1, 1, Code.EMPTY_FILE, "this file is empty")
    return None


class _Line(NamedTuple):
    number: int
    text: str

    @property
    def code(self) -> str:
        """The line up to a comment or to a NUL, where a string of C ends."""
        return self.text.partition("\0")[0].partition("#")[0]

    def place(self, index: int) -> Position:
        return Position(self.number, index + 1)

    def find(self, start: int, offset: int) -> int:
        """Return the index of a character, ``offset`` from ``start`` without white space."""
        code = self.code.rstrip(SPACE)
        places = (place for place in range(start, len(code)) if code[place] not in SPACE)
        return next(islice(places, offset, None), len(code))


class _Reader:
    """One pass over the lines of a file; gathers sections, faults and warnings."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.warnings: dict[str, Fault] = {}
        self.interface = InterfaceDraft()
        self.peers: list[PeerDraft] = []
        self.section: InterfaceDraft | PeerDraft | None = None
        self.quick = False
        self.skipping = False
        self.shown_once: set[str] = set()
        self.repeated = 0

    def read(self, text: str) -> None:
        for number, line in enumerate(text.split("\n"), 1):
            if self._is_full():
                return
            self._line(_Line(number, line))

    def _is_full(self) -> bool:
        return len(self.faults) + self.repeated >= MAX_FAULTS

    def _line(self, line: _Line) -> None:
        code, cut = line.code, line.text.partition("#")[0].partition("\0")[2]
        start = len(code) - len(code.lstrip(SPACE))
        if cut.strip(SPACE):
            message = "the rest of the line after a NUL is ignored"
            self._warn(line.place(len(code)), Warned(Code.IGNORED, message))
        if start == len(code):
            if found := notes.LINE.fullmatch(line.text):
                self._note(line, found["text"], found.start("text"))
            return
        if code[start] == "[":
            self._header(line, start)
        elif not self.skipping:
            self._key(line, start)

    def _note(self, line: _Line, text: str, start: int) -> None:
        try:
            noting.take(self.section, text)
        except BadValueError as bad:
            self._fault(line.place(start + bad.offset), bad.code, bad.message, bad.hint)

    def _header(self, line: _Line, start: int) -> None:
        code = line.code.strip(SPACE)
        place = line.place(start)
        name = fold(code)
        odd, plain = hints.odd_space(line.code), hints.with_plain_spaces(code)
        if odd and fold(plain) in SECTIONS:
            self._odd_space(line.place(odd.offset), odd)
            code, name = plain.strip(SPACE), fold(plain)
        elif name not in SECTIONS:
            guess = hints.unknown_section(code)
            self._guess(place, guess)
            name = code = f"[{guess.meant.lower()}]"
        self.skipping = False
        self.quick = lower(code) == "[interface]"
        if name == "[peer]":
            self.section = PeerDraft(place)
            self.peers.append(self.section)
        elif name == "[interface]":
            self.section = self.interface
            self.interface.place = place
        else:
            self.skipping = True

    def _key(self, line: _Line, start: int) -> None:
        raw_name, equals, raw_value = line.code.partition("=")
        quick = QUICK_KEYS.get(lower(raw_name.strip(SPACE))) if self.quick and equals else None
        value_start = len(raw_name) + 1 + len(raw_value) - len(raw_value.lstrip(SPACE))
        name, value = fold(raw_name), remove_space(raw_value)
        if quick:
            self._take(quick, self.interface, raw_value.strip(SPACE), line, value_start)
        elif value and isinstance(self.section, InterfaceDraft) and name in INTERFACE_KEYS:
            self._take(INTERFACE_KEYS[name], self.section, value, line, value_start)
        elif value and isinstance(self.section, PeerDraft) and name in PEER_KEYS:
            self._take(PEER_KEYS[name], self.section, value, line, value_start)
        elif equals and (warned := foreign.ignored(name, value, self._title)):
            self._warn(line.place(start), warned)
        else:
            self._unknown(line, start)

    def _take(
        self, spec: KeySpec[Section], section: Section, value: str, line: _Line, start: int
    ) -> None:
        self._tried(spec.name)
        compact = spec.name.lower() not in QUICK_KEYS
        for offset, item in spec.split(value):
            if self._is_full():
                return
            place = line.place(start)
            try:
                warning = spec.take(section, item, place)
            except BadValueError as bad:
                odd = hints.odd_space(item)
                where = offset + (odd.offset if odd else bad.offset)
                index = line.find(start, where) if compact else start + where
                if odd:
                    self._odd_space(line.place(index), odd, f"{spec.name}: ")
                    continue
                hint = hints.about_value(line.code[start:], spec.split is commas) or bad.hint
                self._fault(line.place(index), bad.code, f"{spec.name}: {bad.message}", hint)
            else:
                if warning:
                    self._warn(place, warning)

    def _unknown(self, line: _Line, start: int) -> None:
        code, place = line.code[start:].rstrip(SPACE), line.place(start)
        raw_name = line.code.partition("=")[0]
        name = fold(hints.with_plain_spaces(raw_name))
        odd = hints.odd_space(raw_name)
        if odd and (name in NAMES or not name):
            self._tried(NAMES.get(name, ""))
            self._odd_space(line.place(odd.offset), odd)
            return
        section = self._title
        guess = hints.unknown_line(code, section, SECTION_OF)
        self._tried(guess.meant)
        if guess.meant and SECTION_OF[guess.meant] != section and self.section:
            header = f"line {line.number} is in the [{section}] of line {self.section.place.line}"
            guess = guess._replace(hint=guess.hint or header)
        self._guess(place, guess)

    def _odd_space(self, place: Position, odd: hints.OddSpace, prefix: str = "") -> None:
        self._fault(place, Code.ODD_SPACE, prefix + odd.message, odd.hint)

    def _guess(self, place: Position, guess: hints.Guess) -> None:
        """Add the fault of a guess; of those with the same ``once``, only the first."""
        if guess.once in self.shown_once:
            self.repeated += 1
            return
        self._fault(place, guess.code, guess.message, guess.hint)
        if guess.once:
            self.shown_once.add(guess.once)

    @property
    def _title(self) -> str:
        return self.section.title if self.section else ""

    def _tried(self, name: str) -> None:
        """Note that a key is present, even a bad one: to report it as missing would mislead."""
        if name == "PrivateKey":
            self.interface.key_tried = True
        elif name == "PublicKey" and self.peers:
            self.peers[-1].key_tried = True

    def _fault(self, place: Position, code: Code, message: str, hint: str = "") -> None:
        self.faults.append(Fault(*place, code, message, hint))

    def _warn(self, place: Position, warned: Warned) -> None:
        """Add a warning, once for each message."""
        self.warnings.setdefault(warned.message, Fault(*place, *warned))

    def finish(self) -> InterfaceConfig | None:
        """Return the whole file as a value, or None if it has faults."""
        interface = self.interface
        if not self._is_full():
            self._check_keys()
        if self.faults or interface.private_key is None:
            return None
        merged = merge(self.peers, self._warn)
        for peer, message in noting.namesakes(peer for peer, _, _ in merged):
            self._fault(peer.place, Code.BAD_NOTE, message, "give each a name of its own")
        if self.faults:
            return None
        peers = tuple(_peer_section(*peer) for peer in merged)
        has_ipv6 = any(address.version == 6 for address in interface.addresses)
        if has_ipv6 and interface.mtu is not None and interface.mtu < IPV6_MIN_MTU:
            message = f"IPv6 doesn't work with an MTU below {IPV6_MIN_MTU}"
            self._warn(interface.mtu_place, Warned(Code.SMALL_MTU, message))
        return InterfaceConfig(
            private_key=interface.private_key,
            listen_port=interface.listen_port,
            fwmark=interface.fwmark,
            addresses=tuple(interface.addresses),
            mtu=interface.mtu,
            dns=tuple(interface.dns),
            dns_search=tuple(interface.dns_search),
            routes=interface.routes,
            peers=peers,
            hub=interface.hub,
            warnings=tuple(sorted(self.warnings.values())),
        )

    def _check_keys(self) -> None:
        interface = self.interface
        if not interface.key_tried:
            message = "this file has no PrivateKey in an [Interface]"
            self._fault(interface.place, Code.MISSING_KEY, message)
        if interface.private_key is not None and not any(interface.private_key.raw):
            place, hint = interface.private_key_place, "make one with 'wg genkey'"
            self._fault(place, Code.BAD_KEY, "PrivateKey: zeros are no key", hint)
        missing = (peer for peer in self.peers if not peer.key_tried)
        for peer in islice(missing, MAX_FAULTS - len(self.faults)):
            self._fault(peer.place, Code.MISSING_KEY, "this [Peer] has no PublicKey")


def _peer_section(peer: PeerDraft, key: Key, allowed_ips: tuple[AllowedIP, ...]) -> PeerSection:
    preshared_key = peer.preshared_key
    return PeerSection(
        public_key=key,
        preshared_key=preshared_key if preshared_key and any(preshared_key.raw) else None,
        endpoint=peer.endpoint,
        persistent_keepalive=peer.persistent_keepalive or 0,
        allowed_ips=allowed_ips,
        note=peer.note or NO_NOTE,
    )
