"""``wgplugin peer list`` and ``show``: a hub's peers, and how they are doing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from wgplugin.cli import client
from wgplugin.cli.hub.document import Document, Entry
from wgplugin.cli.table import age, columns, size
from wgplugin.conf.notes import moment_text
from wgplugin.errors import PluginError
from wgplugin.model.hub import has_expired
from wgplugin.networks.status import PeerStatus

HEAD = ("NAME", "ADDRESSES", "STATE", "EXPIRES", "REACH", "HANDSHAKE", "IN", "OUT")


@dataclass(frozen=True, slots=True)
class Line:
    """A peer, for people and as JSON.

    ``expires``: RFC 3339, None for never. ``reach``: None for everything. ``last_handshake``: in
    seconds since 1970. That and the bytes are None where no plugin tells.
    """

    name: str
    addresses: tuple[str, ...]
    public_key: str
    state: Literal["on", "disabled", "expired"]
    expires: str | None
    reach: tuple[str, ...] | None
    last_handshake: float | None
    received_bytes: int | None
    sent_bytes: int | None


def seen(hub: str) -> Mapping[str, PeerStatus]:
    """Return what the plugins on this host know of a hub's peers, by public key."""
    try:
        found, _ = client.reports(None)
    except PluginError:
        return {}
    tunnels = (tunnel for status in found.values() for tunnel in status.tunnels)
    return {
        peer.public_key: peer
        for tunnel in tunnels
        if tunnel.configuration == hub
        for peer in tunnel.peers
    }


def lines(document: Document, status: Mapping[str, PeerStatus], now: float) -> tuple[Line, ...]:
    """Return the peers of a hub; ``now`` is in seconds since 1970."""
    return tuple(line(entry, status, now) for entry in document.entries)


def line(entry: Entry, status: Mapping[str, PeerStatus], now: float) -> Line:
    """Return a peer of a hub; ``now`` is in seconds since 1970."""
    key, note = entry.peer.public_key.base64(), entry.note
    found = status.get(key)
    state: Literal["on", "disabled", "expired"] = "on" if entry.is_enabled else "disabled"
    if entry.is_enabled and has_expired(entry.peer, now):
        state = "expired"
    return Line(
        name=note.name,
        addresses=tuple(map(str, entry.peer.allowed_ips)),
        public_key=key,
        state=state,
        expires=None if note.expires is None else moment_text(note.expires),
        reach=None if note.reach is None else tuple(map(str, note.reach)),
        last_handshake=found.last_handshake if found else None,
        received_bytes=found.received_bytes if found else None,
        sent_bytes=found.sent_bytes if found else None,
    )


def table(found: Iterable[Line], now: float) -> str:
    """Return peers as a table for people; ``now`` is in seconds since 1970."""
    return columns([HEAD, *(_cells(each, now) for each in found)])


def details(found: Line, now: float) -> str:
    """Return all that is known of a peer, for people; ``now`` is in seconds since 1970."""
    names = ("name", "addresses", "state", "expires", "reach", "handshake", "received", "sent")
    rows = [*zip(names, _cells(found, now), strict=True)]
    rows.insert(1, ("public key", found.public_key))
    return columns(rows)


def _cells(found: Line, now: float) -> tuple[str, ...]:
    met = f"{age(now - found.last_handshake)} ago" if found.last_handshake else "-"
    return (
        found.name or f"{found.public_key[:8]}…",
        ", ".join(found.addresses),
        found.state,
        found.expires or "never",
        "everything" if found.reach is None else ", ".join(found.reach),
        met,
        "-" if found.received_bytes is None else size(found.received_bytes),
        "-" if found.sent_bytes is None else size(found.sent_bytes),
    )
