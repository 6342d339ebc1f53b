"""The tunnels' status, as values and as JSON. Pure.

It holds public keys, but no other keys.
"""

from __future__ import annotations

import msgspec

from wgplugin import __version__
from wgplugin.model.device import Peer
from wgplugin.state.records import Endpoint


class PeerStatus(msgspec.Struct, frozen=True):
    """A peer; ``last_handshake`` is in seconds since 1970, None for never.

    ``name`` is that of its note, empty without one.
    """

    public_key: str
    endpoint: str | None
    last_handshake: float | None
    received_bytes: int
    sent_bytes: int
    allowed_ips: tuple[str, ...]
    name: str = ""


class ContainerStatus(msgspec.Struct, frozen=True):
    """A container on a shared network; ``error`` is empty if all is well.

    ``published``: its published ports, such as ``8080:80/tcp``, with the host's first.
    """

    endpoint: str
    namespace: str
    error: str = ""
    published: tuple[str, ...] = ()


class TunnelStatus(msgspec.Struct, frozen=True):
    """A container's tunnel, or that of a shared network, whose ``endpoint`` is empty.

    ``health`` is "up", "stale", "down" or "never"; "unknown" if containers can't be entered.
    ``interface`` and ``namespace`` are empty if unknown. ``configured`` is the time of the file's
    last application, in seconds since 1970. ``error`` is empty if all is well. ``containers`` are
    those of a shared network; ``published`` is as in `ContainerStatus`.

    In a network with a pool, ``pool`` is its text, ``since`` and ``why`` say when and why the
    configuration was chosen, in seconds since 1970, and ``switches`` counts the changes from one to
    another since the plugin's start.
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
    containers: tuple[ContainerStatus, ...] = ()
    published: tuple[str, ...] = ()
    pool: str = ""
    since: float | None = None
    why: str = ""
    switches: int = 0


class Status(msgspec.Struct, frozen=True):
    """The status of all tunnels."""

    edition: str
    tunnels: tuple[TunnelStatus, ...]
    version: str = __version__


def unseen(endpoint: Endpoint, pool: str) -> TunnelStatus:
    """Return the status of a tunnel whose container can't be entered; ``pool``: its network's."""
    return TunnelStatus(
        endpoint.id,
        endpoint.network_id,
        endpoint.configuration,
        "unknown",
        pool=pool,
        since=endpoint.since or None,
        why=endpoint.why,
    )


def peer_status(peer: Peer, last_handshake: float, name: str) -> PeerStatus:
    """Return the status of a peer; ``last_handshake`` is in seconds since 1970, 0 for never."""
    return PeerStatus(
        public_key=peer.public_key.base64(),
        endpoint=str(peer.endpoint) if peer.endpoint else None,
        last_handshake=last_handshake or None,
        received_bytes=peer.received,
        sent_bytes=peer.sent,
        allowed_ips=tuple(map(str, peer.allowed_ips)),
        name=name,
    )


def encode(status: Status) -> bytes:
    """Return a status as JSON."""
    return msgspec.json.encode(status)


def decode(data: bytes) -> Status:
    """Return the status in a JSON text.

    Raises:
        ValueError: it isn't a status.
    """
    return msgspec.json.decode(data, type=Status)
