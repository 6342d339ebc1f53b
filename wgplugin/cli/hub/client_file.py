"""The file that a hub's client gets, for wg-quick(8) and the WireGuard apps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wgplugin.model.device import Key
from wgplugin.model.prefixes import IPAddress, Prefix


@dataclass(frozen=True, slots=True)
class Way:
    """What a client is told of its way to the hub, besides keys and addresses.

    ``endpoint``: HOST:PORT. ``routes``: what goes to the hub. ``dns``: servers, none to leave the
    client's own; ``domain``: where it looks for names of one word, empty for nowhere.
    ``keepalive``: in seconds, 0 for off. ``mtu``: in bytes, 0 for the client's own choice.
    """

    endpoint: str
    routes: tuple[Prefix, ...]
    dns: tuple[IPAddress, ...] = ()
    domain: str = ""
    keepalive: int = 25
    mtu: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is; ``private_key`` is None if the client has made its own."""

    private_key: Key | None
    public_key: Key
    preshared_key: Key | None
    addresses: tuple[IPAddress, ...]


def client_file(identity: Identity, hub_key: Key, way: Way) -> str:
    """Return the text of a client's file; it holds the client's private key."""
    return "\n".join(_lines(identity, hub_key, way)) + "\n"


def _lines(identity: Identity, hub_key: Key, way: Way) -> Iterator[str]:
    yield "[Interface]"
    if identity.private_key:
        yield f"PrivateKey = {identity.private_key.base64()}"
    else:
        yield f"# PrivateKey = the one whose public key is {identity.public_key.base64()}"
    addresses = (f"{each}/{each.max_prefixlen}" for each in identity.addresses)
    yield f"Address = {', '.join(addresses)}"
    if way.dns:
        domain = [way.domain] if way.domain else []
        yield f"DNS = {', '.join([*map(str, way.dns), *domain])}"
    if way.mtu:
        yield f"MTU = {way.mtu}"
    yield ""
    yield "[Peer]"
    yield f"PublicKey = {hub_key.base64()}"
    if identity.preshared_key:
        yield f"PresharedKey = {identity.preshared_key.base64()}"
    yield f"Endpoint = {way.endpoint}"
    yield f"AllowedIPs = {', '.join(map(str, way.routes))}"
    if way.keepalive:
        yield f"PersistentKeepalive = {way.keepalive}"
