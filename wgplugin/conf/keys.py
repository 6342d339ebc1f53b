"""The keys of [Interface] and [Peer], and the values that a section has gathered.

Each key has a section, a way to split its value into items, and a function that reads one item.
Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar

from wgplugin.codes import Code
from wgplugin.conf import values
from wgplugin.conf.endpoint import endpoint
from wgplugin.conf.values import AllowedIPChange
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import AllowedIP, Key
from wgplugin.model.notes import HubNote, PeerNote
from wgplugin.model.prefixes import InterfaceAddress, IPAddress
from wgplugin.redact import shown


class Position(NamedTuple):
    """A position in a file; line and column count from 1."""

    line: int
    column: int


START = Position(1, 1)


class Warned(NamedTuple):
    """A warning about a value that is accepted."""

    code: Code
    message: str


@dataclass(slots=True)
class InterfaceDraft:
    """The values of [Interface] so far; ``key_tried``: it has a PrivateKey, even a bad one."""

    title: ClassVar[str] = "Interface"
    private_key: Key | None = None
    private_key_place: Position = START
    listen_port: int = 0
    fwmark: int = 0
    addresses: dict[InterfaceAddress, None] = field(default_factory=dict)
    mtu: int | None = None
    mtu_place: Position = START
    dns: dict[IPAddress, None] = field(default_factory=dict)
    dns_search: dict[str, None] = field(default_factory=dict)
    routes: bool = True
    hub: HubNote | None = None
    place: Position = START
    key_tried: bool = False


@dataclass(slots=True)
class PeerDraft:
    """The values of one [Peer] so far; None for a missing one.

    ``key_tried``: it has a PublicKey, even a bad one.
    """

    title: ClassVar[str] = "Peer"
    place: Position
    key_tried: bool = False
    public_key: Key | None = None
    preshared_key: Key | None = None
    endpoint: PeerEndpoint | None = None
    persistent_keepalive: int | None = None
    allowed_ips: list[tuple[AllowedIPChange, Position]] = field(default_factory=list)
    note: PeerNote | None = None

    def update(self, later: PeerDraft) -> None:
        """Take over the settings that a later section of the same peer has; keep the others."""
        self.preshared_key = later.preshared_key or self.preshared_key
        self.endpoint = later.endpoint or self.endpoint
        self.note = later.note or self.note
        if later.persistent_keepalive is not None:
            self.persistent_keepalive = later.persistent_keepalive

    @property
    def replaces_allowed_ips(self) -> bool:
        """Whether this section clears an earlier section's AllowedIPs.

        It does, unless its last AllowedIPs line has a ``+`` or ``-``: only that line counts in
        wg(8) (config.c).
        """
        last_line = self.allowed_ips[-1][1].line if self.allowed_ips else 0
        return not any(change.sign for change, place in self.allowed_ips if place.line == last_line)


def _private_key(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    interface.private_key = values.key(item)
    interface.private_key_place = place
    return None


def _listen_port(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    interface.listen_port = values.listen_port(item)
    return None


def _fwmark(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    interface.fwmark = values.fwmark(item)
    return None


def _address(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    address = values.interface_address(item)
    repeated = address in interface.addresses
    interface.addresses[address] = None
    return Warned(Code.REPEATED, f"the address {address} is repeated") if repeated else None


def _mtu(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    interface.mtu = values.mtu(item)
    interface.mtu_place = place
    return None


def _dns(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    found = values.dns(item)
    if not isinstance(found, str):
        interface.dns[found] = None
    elif found.startswith("~"):
        message = f"{shown(found)} is ignored: only systemd-resolved has routing domains"
        return Warned(Code.IGNORED, message)
    else:
        interface.dns_search[found] = None
    return None


def _table(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    interface.routes = item.lower() != "off"
    if item.lower() in ("", "auto", "off"):
        return None
    message = "Table is ignored: the container's routes are in its main table ('off' makes none)"
    return Warned(Code.IGNORED, message)


def _save_config(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
    message = "SaveConfig is ignored: the plugin never writes this file"
    return Warned(Code.IGNORED, message) if values.flag(item) else None


def _hook(name: str) -> KeySpec[InterfaceDraft]:
    def take(interface: InterfaceDraft, item: str, place: Position) -> Warned | None:
        message = f"{name} is ignored: the plugin runs no commands of a file"
        return Warned(Code.COMMAND_IGNORED, message) if item else None

    return KeySpec(name, take)


def _public_key(peer: PeerDraft, item: str, place: Position) -> Warned | None:
    repeated = peer.public_key is not None
    peer.public_key = values.key(item)
    message = "PublicKey is repeated, the last one counts: is a [Peer] missing?"
    return Warned(Code.REPEATED, message) if repeated else None


def _preshared_key(peer: PeerDraft, item: str, place: Position) -> Warned | None:
    peer.preshared_key = values.key(item)
    return None


def _endpoint(peer: PeerDraft, item: str, place: Position) -> Warned | None:
    peer.endpoint = endpoint(item)
    host = peer.endpoint.host
    if ":" not in host or item.startswith("["):
        return None
    return Warned(Code.READ_AS, f"{shown(item)} is read as [{host}]:{peer.endpoint.port}")


def _persistent_keepalive(peer: PeerDraft, item: str, place: Position) -> Warned | None:
    peer.persistent_keepalive = values.persistent_keepalive(item)
    return None


def _allowed_ips(peer: PeerDraft, item: str, place: Position) -> Warned | None:
    change = values.allowed_ip(item)
    peer.allowed_ips.append((change, place))
    if change.exact:
        return None
    return Warned(Code.READ_AS, f"{shown(item)} is read as {change.range}")


Section = TypeVar("Section", InterfaceDraft, PeerDraft)


@dataclass(frozen=True, slots=True)
class KeySpec(Generic[Section]):
    """How a key is read.

    ``split`` yields the items of a value, each after its offset. ``take`` puts one item into the
    section and returns a warning or None; it raises `BadValueError` for a bad item.
    """

    name: str
    take: Callable[[Section, str, Position], Warned | None]
    split: Callable[[str], Iterator[tuple[int, str]]] = values.whole


def _by_name(*specs: KeySpec[Section]) -> dict[str, KeySpec[Section]]:
    return {spec.name.lower(): spec for spec in specs}


INTERFACE_KEYS = _by_name(
    KeySpec("PrivateKey", _private_key),
    KeySpec("ListenPort", _listen_port),
    KeySpec("FwMark", _fwmark),
)
"""The keys that wg(8) reads in [Interface], by lower-case name."""

PEER_KEYS = _by_name(
    KeySpec("PublicKey", _public_key),
    KeySpec("PresharedKey", _preshared_key),
    KeySpec("Endpoint", _endpoint),
    KeySpec("PersistentKeepalive", _persistent_keepalive),
    KeySpec("AllowedIPs", _allowed_ips, values.commas),
)
"""The keys that wg(8) reads in [Peer], by lower-case name."""

QUICK_KEYS = _by_name(
    KeySpec("Address", _address, values.words),
    KeySpec("DNS", _dns, values.words),
    KeySpec("MTU", _mtu),
    KeySpec("Table", _table),
    KeySpec("SaveConfig", _save_config),
    *map(_hook, ("PreUp", "PostUp", "PreDown", "PostDown")),
)
"""The keys that wg-quick(8) adds to [Interface], likewise; their values may be empty."""

SECTION_OF = {
    **{spec.name: "Interface" for spec in (*INTERFACE_KEYS.values(), *QUICK_KEYS.values())},
    **{spec.name: "Peer" for spec in PEER_KEYS.values()},
}
"""The section of each known key."""


def merge(
    peers: list[PeerDraft], warn: Callable[[Position, Warned], None]
) -> list[tuple[PeerDraft, Key, tuple[AllowedIP, ...]]]:
    """Return each peer with its public key, and with its ranges on a new device.

    Sections with the same public key are one peer: a later section changes it. A range belongs to
    the last peer that claims it (set_peer() in the kernel's wireguard/netlink.c). ``warn`` is
    called for each merged section and each range that moves. A section without a public key is
    left out.
    """
    merged: dict[Key, PeerDraft] = {}
    ranges = _Ranges()
    for peer in peers:
        key = peer.public_key
        if key is None:
            continue
        known = merged.setdefault(key, peer)
        if known is not peer:
            message = f"this is the [Peer] of line {known.place.line} again: they are one"
            warn(peer.place, Warned(Code.REPEATED, message))
            known.update(peer)
            if peer.replaces_allowed_ips:
                ranges.clear(key)
        for change, place in peer.allowed_ips:
            if change.sign == "-":
                ranges.remove(key, change.range)
            elif ranges.add(key, change.range):
                message = f"{change.range} moves to this [Peer]: only one can have it"
                warn(place, Warned(Code.SHARED_RANGE, message))
    return [(peer, key, ranges.of(key)) for key, peer in merged.items()]


class _Ranges:
    """The ranges of each peer, as in the kernel's allowedips.c."""

    def __init__(self) -> None:
        self._owner: dict[AllowedIP, Key] = {}
        self._of: defaultdict[Key, dict[AllowedIP, None]] = defaultdict(dict)

    def add(self, key: Key, item: AllowedIP) -> bool:
        """Give a range to a peer; return whether another peer loses it."""
        owner = self._owner.setdefault(item, key)
        if owner != key:
            del self._of[owner][item]
        self._owner[item] = key
        self._of[key][item] = None
        return owner != key

    def remove(self, key: Key, item: AllowedIP) -> None:
        if self._owner.get(item) == key:
            del self._owner[item], self._of[key][item]

    def clear(self, key: Key) -> None:
        for item in self._of.pop(key, ()):
            del self._owner[item]

    def of(self, key: Key) -> tuple[AllowedIP, ...]:
        return tuple(self._of[key])
