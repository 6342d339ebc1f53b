"""The file that wg-quick(8) takes, as a value.

The grammar is that of wg(8) (config.c) with the additions of wg-quick(8) (linux.bash), each with
its own idea of a line: wg(8) drops white space anywhere and compares names without case; wg-quick
sees the line as it is and takes its keys out of [Interface] first. Deliberate differences:

- accepted here alone: a byte order mark, an Address twice, and ``Table = OFF`` in any case;
- refused here alone: a file without a PrivateKey (or with zeros for one), a ListenPort that isn't
  a number up to 65535, an Endpoint with an unusable port or an address in an outdated notation,
  an MTU below 68, and what ip(8) or a resolver would take for Address and DNS only by accident;
- host names, service names and zones are checked when they are looked up, not here.

Pure: bytes in, values out; no input, no output.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from wgplugin.codes import Code
from wgplugin.conf import hints
from wgplugin.conf.hints import SPACE, fold, lower, remove_space
from wgplugin.conf.keys import (
    INTERFACE_KEYS,
    PEER_KEYS,
    QUICK_KEYS,
    SECTION_OF,
    Interface,
    KeySpec,
    Peer,
    Place,
    Section,
    Warned,
    merge,
)
from wgplugin.conf.values import BadValueError, commas
from wgplugin.errors import ConfigError, Fault
from wgplugin.model.configuration import InterfaceConfig, PeerSection
from wgplugin.model.device import AllowedIP, Key

MAX_SIZE = 1024 * 1024
"""The bytes of the largest file that is read."""

MAX_FAULTS = 100
"""After so many faults the rest of a file isn't read: it is something else."""

IPV6_MIN_MTU = 1280


def parse(data: bytes, path: str) -> InterfaceConfig:
    """Read a configuration file.

    Args:
        data: the file's content.
        path: the file's name, as messages should show it.

    Raises:
        ConfigError: the file can't be used; it holds every fault of it, up to `MAX_FAULTS`.
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
    """Tell why a file is no text that has lines, if so."""
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
        """What is left of a comment and, as C's strings end there, of a NUL."""
        return self.text.partition("\0")[0].partition("#")[0]

    def place(self, index: int) -> Place:
        return Place(self.number, index + 1)

    def find(self, start: int, offset: int) -> int:
        """Return where a value's character stands, given its place without white space."""
        code = self.code.rstrip(SPACE)
        places = (place for place in range(start, len(code)) if code[place] not in SPACE)
        return next(islice(places, offset, None), len(code))


class _Reader:
    """One pass over the lines of a file, gathering sections, faults and warnings."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.warnings: dict[str, Fault] = {}
        self.interface = Interface()
        self.peers: list[Peer] = []
        self.section: Interface | Peer | None = None
        self.quick = False
        self.skipping = False
        self.told: set[str] = set()
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
            message = "what follows a NUL in its line is ignored"
            self._warn(line.place(len(code)), Warned(Code.IGNORED, message))
        if start == len(code):
            return
        if code[start] == "[":
            self._header(line, start)
        elif not self.skipping:
            self._key(line, start)

    def _header(self, line: _Line, start: int) -> None:
        code = line.code.strip(SPACE)
        place = line.place(start)
        name = fold(code)
        if name not in ("[interface]", "[peer]"):
            guess = hints.unknown_section(code)
            self._guess(place, guess)
            name = code = f"[{guess.meant.lower()}]"
        self.skipping = False
        self.quick = lower(code) == "[interface]"
        if name == "[peer]":
            self.section = Peer(place)
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
        elif value and isinstance(self.section, Interface) and name in INTERFACE_KEYS:
            self._take(INTERFACE_KEYS[name], self.section, value, line, value_start)
        elif value and isinstance(self.section, Peer) and name in PEER_KEYS:
            self._take(PEER_KEYS[name], self.section, value, line, value_start)
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
                where = offset + bad.offset
                index = line.find(start, where) if compact else start + where
                hint = hints.about_value(line.code[start:], spec.split is commas) or bad.hint
                self._fault(line.place(index), bad.code, f"{spec.name}: {bad.message}", hint)
            else:
                if warning:
                    self._warn(place, warning)

    def _unknown(self, line: _Line, start: int) -> None:
        code, place = line.code[start:].rstrip(SPACE), line.place(start)
        section = type(self.section).__name__ if self.section else ""
        guess = hints.unknown_line(code, section, SECTION_OF)
        self._tried(guess.meant)
        if guess.meant and SECTION_OF[guess.meant] != section and self.section:
            header = f"line {line.number} is in the [{section}] of line {self.section.place.line}"
            guess = guess._replace(hint=guess.hint or header)
        self._guess(place, guess)

    def _guess(self, place: Place, guess: hints.Guess) -> None:
        """Add a fault, but those that are said of many lines only once."""
        if guess.once in self.told:
            self.repeated += 1
            return
        self._fault(place, guess.code, guess.message, guess.hint)
        if guess.once:
            self.told.add(guess.once)

    def _tried(self, name: str) -> None:
        """Note that a key is there, if with a fault: that it is missing would be misleading."""
        if name == "PrivateKey":
            self.interface.key_tried = True
        elif name == "PublicKey" and self.peers:
            self.peers[-1].key_tried = True

    def _fault(self, place: Place, code: Code, message: str, hint: str = "") -> None:
        self.faults.append(Fault(*place, code, message, hint))

    def _warn(self, place: Place, warned: Warned) -> None:
        """Add a warning; the same one isn't said twice."""
        self.warnings.setdefault(warned.message, Fault(*place, *warned))

    def finish(self) -> InterfaceConfig | None:
        """Return what the whole file says, or None if it has faults."""
        interface = self.interface
        if not self._is_full():
            self._check_keys()
        if self.faults or interface.private_key is None:
            return None
        peers = tuple(_peer_section(*peer) for peer in merge(self.peers, self._warn))
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


def _peer_section(peer: Peer, key: Key, allowed_ips: tuple[AllowedIP, ...]) -> PeerSection:
    preshared_key = peer.preshared_key
    return PeerSection(
        public_key=key,
        preshared_key=preshared_key if preshared_key and any(preshared_key.raw) else None,
        endpoint=peer.endpoint,
        persistent_keepalive=peer.persistent_keepalive or 0,
        allowed_ips=allowed_ips,
    )
