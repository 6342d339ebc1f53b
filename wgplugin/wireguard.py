"""WireGuard devices as values: what to change in one, and the backend that changes it.

The names are those of wg(8) and of linux/wireguard.h. Pure: no input, no output.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Protocol

KEY_LENGTH = 32

AllowedIP = IPv4Network | IPv6Network


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


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """What to change in one peer; ``None`` leaves a setting as it is.

    ``persistent_keepalive`` is in seconds, 0 for off; ``allowed_ips`` are added, after the
    present ones were cleared if ``replace_allowed_ips``.
    """

    public_key: Key
    preshared_key: Key | None = None
    endpoint: SocketAddress | None = None
    persistent_keepalive: int | None = None
    replace_allowed_ips: bool = False
    allowed_ips: tuple[AllowedIP, ...] = ()


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


class Place(Enum):
    """Where a device is: in the host's network namespace, or in that of a container."""

    HOST = auto()
    CONTAINER = auto()


class Backend(Protocol):
    """What makes and changes devices; all in the network namespace of the host.

    Every method raises BackendError, worded for the user, when it can't do its work.
    """

    async def create(self, ifname: str, mtu: int) -> None:
        """Make a device, down and without peers; one left over under that name is replaced."""

    async def configure(self, ifname: str, config: DeviceConfig) -> None:
        """Change a device; a listen port that is taken shows here, not in the container.

        A port that is given back within a few seconds is waited for.
        """

    async def delete(self, ifname: str) -> None:
        """Delete a device; there being none is success."""

    async def places(self) -> Mapping[str, Place]:
        """Return where each device is, by the name that create() gave it."""

    async def path_mtu(self, host: IPv4Address | IPv6Address | None) -> int | None:
        """Return the MTU in bytes of the way to a host, or by default; None if there is no way."""
