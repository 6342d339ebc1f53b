"""The table of ``wgplugin status``, for a person at a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgplugin.networks.status import Status, TunnelStatus

HEAD = (
    *("CONFIGURATION", "ENDPOINT", "HEALTH", "DEVICE", "PEER"),
    *("AT", "HANDSHAKE", "IN", "OUT", "PORTS"),
)


def table(status: Status, now: float) -> str:
    """Return a status as a table for people; ``now`` is in seconds since 1970."""
    rows = [HEAD, *(row for tunnel in status.tunnels for row in _rows(tunnel, now))]
    lines = [columns(rows)]
    for tunnel in status.tunnels:
        if tunnel.pool:
            lines.append(f"{tunnel.configuration}: {_choice(tunnel, now)}")
        if tunnel.error:
            lines.append(f"{tunnel.configuration}: {tunnel.error}")
        for each in tunnel.containers:
            if each.error:
                lines.append(f"{tunnel.configuration}: {each.endpoint[:12]}: {each.error}")
    if status.edition == "base":
        lines.append("The base edition can't look into containers; the live edition can.")
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines whose cells stand below each other."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _rows(tunnel: TunnelStatus, now: float) -> Iterable[tuple[str, ...]]:
    endpoint = tunnel.endpoint[:12] or "router"
    head = (tunnel.configuration, endpoint, tunnel.health, tunnel.interface or "-")
    published = ports(tunnel.published)
    if not tunnel.peers:
        yield (*head, "-", "-", "-", "-", "-", published)
    for peer in tunnel.peers:
        yield (
            *head,
            peer.name or peer.public_key[:8] + "…",
            peer.endpoint or "-",
            f"{age(now - peer.last_handshake)} ago" if peer.last_handshake else "never",
            size(peer.received_bytes),
            size(peer.sent_bytes),
            published,
        )
        head, published = ("", "", "", ""), ""
    for each in tunnel.containers:
        health = "error" if each.error else ""
        yield ("", each.endpoint[:12], health, "", "", "", "", "", "", ports(each.published))


def _choice(tunnel: TunnelStatus, now: float) -> str:
    """Return what a tunnel's configuration was chosen of, since when, and why."""
    since = "" if tunnel.since is None else f"; since {age(now - tunnel.since)}"
    why = f": {tunnel.why}" if since and tunnel.why else ""
    plural = "" if tunnel.switches == 1 else "es"
    switches = f"; {tunnel.switches} switch{plural}" if tunnel.switches else ""
    return f"of the pool {tunnel.pool}{since}{why}{switches}"


def ports(published: Iterable[str]) -> str:
    """Return published ports in the way of ``docker ps``."""
    pairs = (text.rpartition(":") for text in published)
    return ", ".join(f"{host}->{container}" for host, _, container in pairs)


def age(seconds: float) -> str:
    """Return a duration, given in seconds, as text in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(count: float) -> str:
    """Return a number of bytes as text, in the units of wg(8)."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
