"""``wgplugin hub init``: makes a hub's file."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from wgplugin.cli.hub import keys, options, writing
from wgplugin.cli.hub.document import Document
from wgplugin.codes import Code
from wgplugin.conf import notes
from wgplugin.errors import PluginError
from wgplugin.model.notes import HubNote
from wgplugin.model.prefixes import InterfaceAddress, IPAddress

LISTEN_PORT = 51820
ELSEWHERE = ("192.0.2.1", "2001:db8::1")
"""Addresses of no host (RFC 5737, RFC 3849): the way to them is the way to the world."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a hub; None for those that aren't given, no ``subnets`` for made-up ones."""

    endpoint: str | None
    listen_port: int | None
    subnets: tuple[InterfaceAddress, ...]
    dns: tuple[IPAddress, ...] | None


@dataclass(frozen=True, slots=True)
class Made:
    """A hub; ``what`` says what was done: "made", "changed" or "is there already"."""

    document: Document
    what: str


def init(folder: Path, name: str, wanted: Wanted) -> Made:
    """Make a hub's file; if it is there, change what its note says of endpoint and DNS servers.

    Raises:
        PluginError: there is no endpoint, the file is another one, or it can't be written.
    """
    if (folder / f"{name}.conf").exists():
        return writing.change(folder, name, lambda document: _changed(document, wanted))
    if not wanted.endpoint:
        raise no_endpoint()
    content = "\n".join(_lines(wanted)) + "\n"
    return Made(writing.create(folder, name, content.encode()), "made")


def no_endpoint() -> PluginError:
    """Return the error for a hub whose clients don't know what to dial."""
    known = ", ".join(_own_addresses())
    hint = f"; this host has {known}, which clients may know by another one" if known else ""
    return PluginError(
        Code.NO_HUB_ENDPOINT,
        f"clients must know what to dial: give --endpoint HOST or HOST:PORT{hint}",
    )


def _own_addresses() -> Iterator[str]:
    """Yield the addresses by which this host reaches the world; nothing is sent."""
    for family, far in zip((socket.AF_INET, socket.AF_INET6), ELSEWHERE, strict=True):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as found:
                found.connect((far, 9))
                yield found.getsockname()[0]
        except OSError:
            continue


def _lines(wanted: Wanted) -> Iterator[str]:
    port = wanted.listen_port or LISTEN_PORT
    endpoint = options.endpoint(wanted.endpoint or "", port)
    yield "[Interface]"
    yield notes.written(HubNote(endpoint, wanted.dns or (), last=1))
    yield f"PrivateKey = {keys.private_key().base64()}"
    yield f"ListenPort = {port}"
    yield f"Address = {', '.join(map(str, wanted.subnets or _made_up()))}"


def _made_up() -> Sequence[InterfaceAddress]:
    """Return the hub's addresses in subnets that hardly anybody else has (RFC 1918, RFC 4193)."""
    second, third = 64 + secrets.randbelow(192), secrets.randbelow(256)
    network = b"\xfd" + secrets.token_bytes(5) + bytes(2)
    return (
        IPv4Interface(f"10.{second}.{third}.1/24"),
        IPv6Interface((network + bytes(7) + b"\x01", 64)),
    )


def _changed(document: Document, wanted: Wanted) -> tuple[Document, Made]:
    config, note = document.config, document.hub
    is_same = (
        note is not None
        and wanted.listen_port in (None, config.listen_port)
        and (not wanted.subnets or set(wanted.subnets) == set(config.addresses))
    )
    if note is None or not is_same:
        raise writing.file_exists(document.name)
    if wanted.endpoint:
        note = replace(note, endpoint=options.endpoint(wanted.endpoint, config.listen_port))
    if wanted.dns is not None:
        note = replace(note, dns=wanted.dns)
    if note == document.hub:
        return document, Made(document, "is there already")
    after = document.with_hub(note)
    return after, Made(after, "changed")
