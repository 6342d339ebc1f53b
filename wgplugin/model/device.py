"""WireGuard devices as values: their state, and changes to it.

The names are those of wg(8) and of linux/wireguard.h. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

from wgplugin.model.prefixes import IPAddress, Prefix

KEY_LENGTH = 32

AllowedIP = Prefix

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A Curve25519 or preshared key: 32 bytes, hidden from repr, logs and tracebacks."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LENGTH:
            raise ValueError(f"a key has {KEY_LENGTH} bytes")

    @classmethod
    def from_base64(cls, text: str) -> Key:
        """Read a key in the form of ``wg genkey``: 44 characters of canonical base64.

        Raises:
            ValueError: the text has another form; the message doesn't repeat the text.
        """
        try:
            raw = base64.b64decode(text.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise ValueError("not base64") from None
        if len(raw) != KEY_LENGTH or base64.b64encode(raw).decode() != text:
            raise ValueError("not the 44 characters of a key")
        return cls(raw)

    def base64(self) -> str:
        """Return the key in the form of wg(8); a private key's must never be shown or logged."""
        return base64.b64encode(self.raw).decode()

    def __repr__(self) -> str:
        return "Key(…)"


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A resolved endpoint of a peer; ``scope_id``: interface index of an IPv6 zone, 0 for none."""

    host: IPAddress
    port: int
    scope_id: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host.version == 6 else f"{self.host}"
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """Changes to one peer; None leaves a setting unchanged.

    ``persistent_keepalive``: in seconds, 0 for off. ``allowed_ips`` are added;
    ``replace_allowed_ips`` clears the present ones first. ``remove`` removes the peer.
    """

    public_key: Key
    preshared_key: Key | None = None
    endpoint: SocketAddress | None = None
    persistent_keepalive: int | None = None
    replace_allowed_ips: bool = False
    allowed_ips: tuple[AllowedIP, ...] = ()
    remove: bool = False


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Changes to a device; None leaves a setting unchanged.

    ``listen_port``: 0 for automatic. ``fwmark``: 0 for off. ``replace_peers`` removes all present
    peers first.
    """

    private_key: Key | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    replace_peers: bool = False
    peers: tuple[PeerConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """The state of a peer in the kernel.

    ``persistent_keepalive``: in seconds, 0 for off. ``last_handshake``: in seconds since 1970, 0
    for never. ``received``, ``sent``: in bytes.
    """

    public_key: Key
    preshared_key: Key | None = None
    endpoint: SocketAddress | None = None
    persistent_keepalive: int = 0
    last_handshake: float = 0.0
    received: int = 0
    sent: int = 0
    allowed_ips: tuple[AllowedIP, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """The state of a device in the kernel; ``fwmark`` is 0 for off."""

    private_key: Key | None
    public_key: Key | None
    listen_port: int
    fwmark: int
    peers: tuple[Peer, ...]


def settings(device: Device) -> Device:
    """Return what is configured of a device, without what changes by itself."""
    peers = (
        replace(peer, endpoint=None, last_handshake=0.0, received=0, sent=0)
        for peer in device.peers
    )
    return replace(device, peers=tuple(peers))


def short(key: Key) -> str:
    """Return the first 8 characters of a public key and "…": enough to find it in a file."""
    return key.base64()[:8] + "…"


NO_KEY = Key(bytes(KEY_LENGTH))
"""As a preshared key, this removes the present one."""


def diff(device: Device, wanted: DeviceConfig, moved: Collection[Key] = ()) -> DeviceConfig:
    """Return the changes that turn ``device`` into ``wanted``; equal settings stay untouched.

    ``wanted`` has all wanted peers: others are removed, and the remaining ones keep their sessions.
    A peer that is the device itself is left out, as in the kernel: so one file can list all hosts
    (set_peer() in drivers/net/wireguard/netlink.c). A listen port of 0 keeps the present port.
    ``moved``: the peers whose endpoint is replaced. Any other peer keeps its endpoint if it has
    one, as it may have roamed there.

    The kernel makes the changes of peers in their order, and an allowed IP belongs to one peer: to
    give it to another moves it (set_peer() in drivers/net/wireguard/netlink.c, allowedips.c). So no
    allowed IP that stays is ever away, and one that moves is never without a peer: what is added
    comes first. An allowed IP can't be removed alone, so those that must go are given to a peer
    that is then removed. The kernel ignores a peer that has the device's own public key.

    With another private key, all present peers are removed before it is set, and the wanted ones
    are new: no handshake with one key goes to a peer of the other.
    """
    private_key = _other(wanted.private_key and clamped(wanted.private_key), device.private_key)
    listen_port = _other(wanted.listen_port or None, device.listen_port)
    own = DeviceConfig(private_key, listen_port, _other(wanted.fwmark, device.fwmark))
    present = {peer.public_key: peer for peer in device.peers}
    if private_key and device.private_key:
        anew = (_anew(peer, present.get(peer.public_key)) for peer in wanted.peers)
        return replace(own, replace_peers=True, peers=tuple(anew))
    peers = [peer for peer in wanted.peers if peer.public_key != device.public_key]
    kept = {peer.public_key for peer in peers}
    gone = (PeerConfig(key, remove=True) for key in present if key not in kept)
    changed = (
        _peer_diff(present.get(peer.public_key), peer, peer.public_key in moved) for peer in peers
    )
    staying = {net for peer in peers for net in peer.allowed_ips}
    unwanted = tuple(
        net
        for peer in device.peers
        if peer.public_key in kept
        for net in peer.allowed_ips
        if net not in staying
    )
    return replace(
        own,
        peers=(
            *(peer for peer in changed if peer),
            *_removed(unwanted, _unused_key(present.keys() | kept)),
            *gone,
        ),
    )


def describe(change: DeviceConfig) -> Iterator[str]:
    """Yield what a change from diff() does, worded for a log."""
    if change.private_key:
        yield "private key changed"
    if change.listen_port is not None:
        yield f"listen port {change.listen_port}"
    if change.fwmark is not None:
        yield f"fwmark {change.fwmark}"
    if change.replace_peers:
        yield "all peers replaced"
    set_up = {peer.public_key for peer in change.peers if not peer.remove}
    removed = {peer.public_key for peer in change.peers if peer.remove}
    for peer in change.peers:
        if peer.public_key not in set_up & removed:
            yield f"peer {short(peer.public_key)} {'removed' if peer.remove else 'set'}"
        elif not peer.remove:
            yield f"allowed IPs removed: {len(peer.allowed_ips)}"


def _removed(nets: tuple[AllowedIP, ...], unused: Key) -> Iterator[PeerConfig]:
    if nets:
        yield PeerConfig(unused, allowed_ips=nets)
        yield PeerConfig(unused, remove=True)


def _unused_key(used: Collection[Key]) -> Key:
    """Return a public key that is none of these; nobody has its private key."""
    return Key(sha256(b"".join(sorted(key.raw for key in used))).digest())


def clamped(key: Key) -> Key:
    """Return a private key as the kernel stores it (curve25519_clamp_secret)."""
    first, *middle, last = key.raw
    return Key(bytes([first & 248, *middle, last & 127 | 64]))


def _anew(wanted: PeerConfig, peer: Peer | None) -> PeerConfig:
    """Return a peer for a device without peers; one that was there keeps its last known address."""
    return replace(wanted, endpoint=wanted.endpoint or (peer.endpoint if peer else None))


def _peer_diff(peer: Peer | None, wanted: PeerConfig, moved: bool) -> PeerConfig | None:
    if peer is None:
        return wanted
    added = set(wanted.allowed_ips) - set(peer.allowed_ips)
    change = PeerConfig(
        wanted.public_key,
        preshared_key=_other(wanted.preshared_key or NO_KEY, peer.preshared_key or NO_KEY),
        endpoint=_other(wanted.endpoint, peer.endpoint) if moved or not peer.endpoint else None,
        persistent_keepalive=_other(wanted.persistent_keepalive, peer.persistent_keepalive),
        allowed_ips=tuple(sorted(added, key=str)),
    )
    return None if change == PeerConfig(wanted.public_key) else change


def _other(wanted: T | None, present: T | None) -> T | None:
    return None if wanted == present else wanted
