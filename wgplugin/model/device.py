"""WireGuard devices as values: what one is, and what to change in it.

The names are those of wg(8) and of linux/wireguard.h. Pure: no input, no output.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

KEY_LENGTH = 32

AllowedIP = IPv4Network | IPv6Network

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A Curve25519 or preshared key: 32 bytes that no repr, log or traceback shows."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_LENGTH:
            raise ValueError(f"a key has {KEY_LENGTH} bytes")

    @classmethod
    def from_base64(cls, text: str) -> Key:
        """Read a key as ``wg genkey`` writes it: 44 characters of canonical base64.

        Raises:
            ValueError: the text is anything else; the message doesn't repeat the text.
        """
        try:
            raw = base64.b64decode(text.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise ValueError("not base64") from None
        if len(raw) != KEY_LENGTH or base64.b64encode(raw).decode() != text:
            raise ValueError("not the 44 characters of a key")
        return cls(raw)

    def base64(self) -> str:
        """Return the key as wg(8) shows it; for private keys, only where it can't be seen."""
        return base64.b64encode(self.raw).decode()

    def __repr__(self) -> str:
        return "Key(…)"


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A resolved endpoint of a peer; ``scope_id`` is the interface index of an IPv6 zone."""

    host: IPv4Address | IPv6Address
    port: int
    scope_id: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.host.version == 6 else f"{self.host}"
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """What to change in one peer; ``None`` leaves a setting as it is.

    ``persistent_keepalive`` is in seconds, 0 for off; ``allowed_ips`` are added, after the
    present ones were cleared if ``replace_allowed_ips``. ``remove`` takes the peer away.
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
    """What to change in a device; ``None`` leaves a setting as it is.

    ``listen_port`` and ``fwmark`` 0 mean automatic and off.
    """

    private_key: Key | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    replace_peers: bool = False
    peers: tuple[PeerConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as the kernel has it.

    ``last_handshake`` is in seconds since 1970, 0 for never; ``received`` and ``sent`` in bytes.
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
    """A device as the kernel has it."""

    private_key: Key | None
    public_key: Key | None
    listen_port: int
    fwmark: int
    peers: tuple[Peer, ...]


def short(key: Key) -> str:
    """Return the beginning of a public key, which is enough to find it in a file."""
    return key.base64()[:8] + "…"


NO_KEY = Key(bytes(KEY_LENGTH))
"""What takes a preshared key away."""


def diff(device: Device, wanted: DeviceConfig, moved: Collection[Key] = ()) -> DeviceConfig:
    """Return what makes a device the wanted one and leaves alone what is so already.

    ``wanted`` has all peers that shall be; those that it lacks are removed, and the sessions of
    the others go on. A listen port of 0 leaves what is there. A peer may have roamed, so its
    endpoint counts only if it is among those ``moved``, or has none.
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
    """Return a private key as the kernel keeps it (curve25519_clamp_secret)."""
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
        # All of them are said again only where one goes, as they are away for a moment then.
        allowed_ips=wanted.allowed_ips if fewer else tuple(sorted(allowed - present, key=str)),
    )
    return None if change == PeerConfig(wanted.public_key) else change


def _other(wanted: T | None, present: T | None) -> T | None:
    return None if wanted == present else wanted
