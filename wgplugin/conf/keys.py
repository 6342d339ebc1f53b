"""The keys of [Interface] and [Peer]: which section they belong in, how their values are split and
read, and what a section has gathered so far.

Pure: no input, no output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, NamedTuple, TypeVar

from wgplugin.codes import Code
from wgplugin.conf import values
from wgplugin.conf.endpoint import endpoint
from wgplugin.conf.values import AllowedIPChange
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import AllowedIP, Key
from wgplugin.redact import shown


class Place(NamedTuple):
    """Where something stands in a file; both count from 1."""

    line: int
    column: int


START = Place(1, 1)


class Warned(NamedTuple):
    """What a user should know of a value that is accepted."""

    code: Code
    message: str


@dataclass(slots=True)
class Interface:
    """What [Interface] has said so far."""

    private_key: Key | None = None
    private_key_place: Place = START
    listen_port: int = 0
    fwmark: int = 0
    addresses: dict[values.Address, None] = field(default_factory=dict)
    mtu: int | None = None
    mtu_place: Place = START
    dns: dict[IPv4Address | IPv6Address, None] = field(default_factory=dict)
    dns_search: dict[str, None] = field(default_factory=dict)
    routes: bool = True
    place: Place = START
    key_tried: bool = False


@dataclass(slots=True)
class Peer:
    """What one [Peer] has said so far; None is not said."""

    place: Place
    key_tried: bool = False
    public_key: Key | None = None
    preshared_key: Key | None = None
    endpoint: PeerEndpoint | None = None
    persistent_keepalive: int | None = None
    allowed_ips: list[tuple[AllowedIPChange, Place]] = field(default_factory=list)

    def update(self, later: Peer) -> None:
        """Take what a later section of the same peer says; it need not say everything."""
        self.preshared_key = later.preshared_key or self.preshared_key
        self.endpoint = later.endpoint or self.endpoint
        if later.persistent_keepalive is not None:
            self.persistent_keepalive = later.persistent_keepalive

    @property
    def replaces_allowed_ips(self) -> bool:
        """Whether an earlier section's AllowedIPs are cleared: wg(8) asks its last line."""
        last_line = self.allowed_ips[-1][1].line if self.allowed_ips else 0
        return not any(change.sign for change, place in self.allowed_ips if place.line == last_line)


def _private_key(interface: Interface, item: str, place: Place) -> Warned | None:
    interface.private_key = values.key(item)
    interface.private_key_place = place
    return None


def _listen_port(interface: Interface, item: str, place: Place) -> Warned | None:
    interface.listen_port = values.listen_port(item)
    return None


def _fwmark(interface: Interface, item: str, place: Place) -> Warned | None:
    interface.fwmark = values.fwmark(item)
    return None


def _address(interface: Interface, item: str, place: Place) -> Warned | None:
    address = values.interface_address(item)
    repeated = address in interface.addresses
    interface.addresses[address] = None
    return Warned(Code.REPEATED, f"the address {address} is repeated") if repeated else None


def _mtu(interface: Interface, item: str, place: Place) -> Warned | None:
    interface.mtu = values.mtu(item)
    interface.mtu_place = place
    return None


def _dns(interface: Interface, item: str, place: Place) -> Warned | None:
    found = values.dns(item)
    if not isinstance(found, str):
        interface.dns[found] = None
    elif found.startswith("~"):
        message = f"{shown(found)} is ignored: only systemd-resolved has routing domains"
        return Warned(Code.IGNORED, message)
    else:
        interface.dns_search[found] = None
    return None


def _table(interface: Interface, item: str, place: Place) -> Warned | None:
    interface.routes = item.lower() != "off"
    if item.lower() in ("", "auto", "off"):
        return None
    message = "Table is ignored: the container's routes are in its main table ('off' makes none)"
    return Warned(Code.IGNORED, message)


def _save_config(interface: Interface, item: str, place: Place) -> Warned | None:
    message = "SaveConfig is ignored: the plugin never writes this file"
    return Warned(Code.IGNORED, message) if values.flag(item) else None


def _hook(name: str) -> KeySpec[Interface]:
    def take(interface: Interface, item: str, place: Place) -> Warned | None:
        message = f"{name} is ignored: the plugin runs no commands of a file"
        return Warned(Code.COMMAND_IGNORED, message) if item else None

    return KeySpec(name, take)


def _public_key(peer: Peer, item: str, place: Place) -> Warned | None:
    repeated = peer.public_key is not None
    peer.public_key = values.key(item)
    message = "PublicKey is repeated, the last one counts: is a [Peer] missing?"
    return Warned(Code.REPEATED, message) if repeated else None


def _preshared_key(peer: Peer, item: str, place: Place) -> Warned | None:
    peer.preshared_key = values.key(item)
    return None


def _endpoint(peer: Peer, item: str, place: Place) -> Warned | None:
    peer.endpoint = endpoint(item)
    host = peer.endpoint.host
    if ":" not in host or item.startswith("["):
        return None
    return Warned(Code.READ_AS, f"{shown(item)} is read as [{host}]:{peer.endpoint.port}")


def _persistent_keepalive(peer: Peer, item: str, place: Place) -> Warned | None:
    peer.persistent_keepalive = values.persistent_keepalive(item)
    return None


def _allowed_ips(peer: Peer, item: str, place: Place) -> Warned | None:
    change = values.allowed_ip(item)
    peer.allowed_ips.append((change, place))
    if change.exact:
        return None
    return Warned(Code.READ_AS, f"{shown(item)} is read as {change.range}")


Section = TypeVar("Section", Interface, Peer)


@dataclass(frozen=True, slots=True)
class KeySpec(Generic[Section]):
    """How a key is read.

    ``split`` gives the items of its value and where they start; ``take`` puts one into the section
    and returns a warning or None, or raises `BadValueError`.
    """

    name: str
    take: Callable[[Section, str, Place], Warned | None]
    split: Callable[[str], Iterator[tuple[int, str]]] = values.whole


def _by_name(*specs: KeySpec[Section]) -> dict[str, KeySpec[Section]]:
    return {spec.name.lower(): spec for spec in specs}


INTERFACE_KEYS = _by_name(
    KeySpec("PrivateKey", _private_key),
    KeySpec("ListenPort", _listen_port),
    KeySpec("FwMark", _fwmark),
)
"""The keys that wg(8) knows in [Interface]."""

PEER_KEYS = _by_name(
    KeySpec("PublicKey", _public_key),
    KeySpec("PresharedKey", _preshared_key),
    KeySpec("Endpoint", _endpoint),
    KeySpec("PersistentKeepalive", _persistent_keepalive),
    KeySpec("AllowedIPs", _allowed_ips, values.commas),
)
"""The keys that wg(8) knows in [Peer]."""

QUICK_KEYS = _by_name(
    KeySpec("Address", _address, values.words),
    KeySpec("DNS", _dns, values.words),
    KeySpec("MTU", _mtu),
    KeySpec("Table", _table),
    KeySpec("SaveConfig", _save_config),
    *map(_hook, ("PreUp", "PostUp", "PreDown", "PostDown")),
)
"""The keys that wg-quick(8) adds to [Interface]; their values may be empty."""

SECTION_OF = {
    **{spec.name: "Interface" for spec in (*INTERFACE_KEYS.values(), *QUICK_KEYS.values())},
    **{spec.name: "Peer" for spec in PEER_KEYS.values()},
}
"""The section that each known key belongs in."""


def merge(
    peers: list[Peer], warn: Callable[[Place, Warned], None]
) -> list[tuple[Peer, Key, tuple[AllowedIP, ...]]]:
    """Give each peer with the ranges that a new device would have for it after all of ``peers``.

    What wg(8) sends for a public key that was there before changes what was there, and a range
    belongs to the last peer that claims it (set_peer() in the kernel's wireguard/netlink.c).
    """
    merged: dict[Key, Peer] = {}
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
    """Which peer has which range, as in the kernel's allowedips.c."""

    def __init__(self) -> None:
        self._owner: dict[AllowedIP, Key] = {}
        self._of: defaultdict[Key, dict[AllowedIP, None]] = defaultdict(dict)

    def add(self, key: Key, item: AllowedIP) -> bool:
        """Give a range to a peer; tell whether another one loses it."""
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
