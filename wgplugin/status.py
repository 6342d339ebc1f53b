"""How the tunnels are doing, as values, as a document for programs and as a table for people. Pure.

Of keys there are the public ones, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wgplugin import __version__
from wgplugin.records import Endpoint
from wgplugin.wireguard import Peer


class PeerStatus(msgspec.Struct, frozen=True):
    """A peer; ``last_handshake`` is in seconds since 1970, None for never."""

    public_key: str
    endpoint: str | None
    last_handshake: float | None
    received_bytes: int
    sent_bytes: int
    allowed_ips: tuple[str, ...]


class TunnelStatus(msgspec.Struct, frozen=True):
    """A container's tunnel.

    ``health`` is "up", "stale" or "never", or "unknown" where containers can't be entered;
    ``interface`` and ``namespace`` are empty as long as that isn't known. ``configured`` is when
    its file was applied last, in seconds since 1970; ``error`` what is wrong, if anything is.
    """

    endpoint: str
    network: str
    configuration: str
    health: str
    interface: str = ""
    namespace: str = ""
    configured: float | None = None
    error: str = ""
    peers: tuple[PeerStatus, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """What the plugin knows of all tunnels."""

    edition: str
    tunnels: tuple[TunnelStatus, ...]
    version: str = __version__


def unseen(endpoint: Endpoint) -> TunnelStatus:
    """Return the status of a tunnel that can't be looked at."""
    return TunnelStatus(endpoint.id, endpoint.network_id, endpoint.configuration, "unknown")


def peer_status(peer: Peer) -> PeerStatus:
    """Return the status of a peer."""
    return PeerStatus(
        public_key=peer.public_key.base64(),
        endpoint=str(peer.endpoint) if peer.endpoint else None,
        last_handshake=peer.last_handshake or None,
        received_bytes=peer.received,
        sent_bytes=peer.sent,
        allowed_ips=tuple(map(str, peer.allowed_ips)),
    )


def encode(status: Status) -> bytes:
    """Return a status as JSON."""
    return msgspec.json.encode(status)


def decode(data: bytes) -> Status:
    """Read a status.

    Raises:
        ValueError: it is none.
    """
    return msgspec.json.decode(data, type=Status)


HEAD = ("CONFIGURATION", "ENDPOINT", "HEALTH", "DEVICE", "PEER", "AT", "HANDSHAKE", "IN", "OUT")


def table(status: Status, now: float) -> str:
    """Return a status for people; ``now`` is in seconds since 1970."""
    rows = [HEAD, *(row for tunnel in status.tunnels for row in _rows(tunnel, now))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for tunnel in status.tunnels:
        if tunnel.error:
            lines.append(f"{tunnel.configuration}: {tunnel.error}")
    if status.edition == "base":
        lines.append("The base edition can't look into containers; the live edition can.")
    return "\n".join(lines)


def _rows(tunnel: TunnelStatus, now: float) -> Iterable[tuple[str, ...]]:
    head = (tunnel.configuration, tunnel.endpoint[:12], tunnel.health, tunnel.interface or "-")
    if not tunnel.peers:
        yield (*head, "-", "-", "-", "-", "-")
    for peer in tunnel.peers:
        yield (
            *head,
            peer.public_key[:8] + "…",
            peer.endpoint or "-",
            f"{age(now - peer.last_handshake)} ago" if peer.last_handshake else "never",
            size(peer.received_bytes),
            size(peer.sent_bytes),
        )
        head = ("", "", "", "")


def age(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(count: float) -> str:
    """Return a number of bytes, as wg(8) shows it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
