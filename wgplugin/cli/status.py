"""``wgplugin status``: asks the plugins on this host for their status, and prints it."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from wgplugin.codes import Code
from wgplugin.networks.status import Status, TunnelStatus, decode, encode

SOCKETS = Path("/run/docker/plugins")
NAMES = ("*/wireguard.sock", "wireguard.sock")
TIMEOUT = 10.0
PERIOD = 2.0
CLEAR = "\x1b[H\x1b[2J"

FINE, SILENT = 0, 1


def run(given: Path | None, watch: bool, as_json: bool) -> int:
    """Print the status of every plugin that answers; with ``watch``, every `PERIOD` seconds.

    ``given``: the socket to ask, None for all plugins' sockets on this host. Returns the exit
    status: 1 if no plugin answers, with a hint on standard error; else 0.
    """
    try:
        while True:
            found = list(_answers([given] if given else sockets(SOCKETS)))
            if not found:
                return _nobody(given)
            text = "\n".join(_text(answer, as_json) for answer in found)
            print(f"{CLEAR}{text}" if watch and sys.stdout.isatty() else text, flush=True)
            if not watch:
                return FINE
            time.sleep(PERIOD)
    except KeyboardInterrupt:
        return FINE


def sockets(folder: Path) -> list[Path]:
    """Return the plugins' sockets below Docker's folder for them, where each plugin has its own."""
    return sorted(path for name in NAMES for path in folder.glob(name))


def ask(path: Path) -> bytes:
    """Return the body of the answer to GET /status on a plugin's socket.

    Raises:
        OSError: there is no answer, or its HTTP status isn't 200.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        connection.sendall(b"GET /status HTTP/1.1\r\nHost: plugin\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise OSError("it is no such plugin, or an older version of it")
    return body


def _answers(paths: Iterable[Path]) -> Iterable[Status]:
    for path in paths:
        try:
            yield decode(ask(path))
        except (OSError, ValueError) as error:
            print(f"{path}: {error} [{Code.NO_ANSWER}]", file=sys.stderr)


def _text(answer: Status, as_json: bool) -> str:
    return encode(answer).decode() if as_json else table(answer, time.time())


def _nobody(given: Path | None) -> int:
    where = given or f"{SOCKETS}/*/wireguard.sock"
    hint = "is the plugin enabled, and are you root?"
    print(f"no plugin answers at {where}; {hint} [{Code.NO_ANSWER}]", file=sys.stderr)
    return SILENT


HEAD = (
    *("CONFIGURATION", "ENDPOINT", "HEALTH", "DEVICE", "PEER"),
    *("AT", "HANDSHAKE", "IN", "OUT", "PORTS"),
)


def table(status: Status, now: float) -> str:
    """Return a status as a table for people; ``now`` is in seconds since 1970."""
    rows = [HEAD, *(row for tunnel in status.tunnels for row in _rows(tunnel, now))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for tunnel in status.tunnels:
        if tunnel.error:
            lines.append(f"{tunnel.configuration}: {tunnel.error}")
        for each in tunnel.containers:
            if each.error:
                lines.append(f"{tunnel.configuration}: {each.endpoint[:12]}: {each.error}")
    if status.edition == "base":
        lines.append("The base edition can't look into containers; the live edition can.")
    return "\n".join(lines)


def _rows(tunnel: TunnelStatus, now: float) -> Iterable[tuple[str, ...]]:
    endpoint = tunnel.endpoint[:12] or "router"
    head = (tunnel.configuration, endpoint, tunnel.health, tunnel.interface or "-")
    published = ports(tunnel.published)
    if not tunnel.peers:
        yield (*head, "-", "-", "-", "-", "-", published)
    for peer in tunnel.peers:
        yield (
            *head,
            peer.public_key[:8] + "…",
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
