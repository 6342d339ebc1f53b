"""WireGuard devices as values: their state, and changes to it.

The names are those of wg(8) and of linux/wireguard.h. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
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


def short(key: Key) -> str:
    """Return the first 8 characters of a public key and "…": enough to find it in a file."""
    return key.base64()[:8] + "…"


NO_KEY = Key(bytes(KEY_LENGTH))
"""As a preshared key, this removes the present one."""


def diff(device: Device, wanted: DeviceConfig, moved: Collection[Key] = ()) -> DeviceConfig:
    """Return the changes that turn ``device`` into ``wanted``; equal settings stay untouched.

    ``wanted`` has all wanted peers: others are removed, and the remaining ones keep their sessions.
    A listen port of 0 keeps the present port. ``moved``: the peers whose endpoint is replaced. Any
    other peer keeps its endpoint if it has one, as it may have roamed there.
    """
    present = {peer.public_key: peer for peer in device.peers}
    kept = {peer.public_key for peer in wanted.peers}
    gone = (PeerConfig(key, remove=True) for key in present if key not in kept)
    changed = (
        _peer_diff(present.get(peer.public_key), peer, peer.public_key in moved)
        for peer in wanted.peers
    )
    return DeviceConfig(
        private_key=_other(wanted.private_key and _clamped(wanted.private_key), device.private_key),
        listen_port=_other(wanted.listen_port or None, device.listen_port),
        fwmark=_other(wanted.fwmark, device.fwmark),
        peers=(*gone, *(peer for peer in changed if peer)),
    )


def _clamped(key: Key) -> Key:
    """Return a private key as the kernel stores it (curve25519_clamp_secret)."""
    first, *middle, last = key.raw
    return Key(bytes([first & 248, *middle, last & 127 | 64]))


def _peer_diff(peer: Peer | None, wanted: PeerConfig, moved: bool) -> PeerConfig | None:
    if peer is None:
        return wanted
    allowed, present = set(wanted.allowed_ips), set(peer.allowed_ips)
    fewer = not present <= allowed
    change = PeerConfig(
        wanted.public_key,
        preshared_key=_other(wanted.preshared_key or NO_KEY, peer.preshared_key or NO_KEY),
        endpoint=_other(wanted.endpoint, peer.endpoint) if moved or not peer.endpoint else None,
        persistent_keepalive=_other(wanted.persistent_keepalive, peer.persistent_keepalive),
        replace_allowed_ips=fewer,
        # Replacing removes all ranges for a moment, so it is done only if one must go.
        allowed_ips=wanted.allowed_ips if fewer else tuple(sorted(allowed - present, key=str)),
    )
    return None if change == PeerConfig(wanted.public_key) else change


def _other(wanted: T | None, present: T | None) -> T | None:
    return None if wanted == present else wanted
