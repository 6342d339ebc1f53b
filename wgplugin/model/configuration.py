"""A WireGuard configuration and the settings of its tunnel, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wgplugin.errors import Fault
from wgplugin.model.device import Key
from wgplugin.model.notes import NO_NOTE, HubNote, PeerNote
from wgplugin.model.prefixes import InterfaceAddress, IPAddress, Prefix
from wgplugin.model.router import Forward

Mode = Literal["container", "shared"]


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """A peer's endpoint as written in the file, not resolved.

    ``host``: a host name, or an IP address without brackets but with its ``%zone``, if any.
    ``port``: a number from 1 to 65535 or a service's name, as text.
    """

    host: str
    port: str


@dataclass(frozen=True, slots=True)
class PeerSection:
    """A file's configuration of one peer; sections with the same PublicKey are merged.

    ``preshared_key``: None if absent or all zeros. ``persistent_keepalive``: in seconds, 0 for
    off. ``allowed_ips``: as the kernel would have them on a new device: masked, in the file's
    order, without those that a later peer claims. ``note``: what the section's note says.
    """

    public_key: Key
    preshared_key: Key | None
    endpoint: PeerEndpoint | None
    persistent_keepalive: int
    allowed_ips: tuple[Prefix, ...]
    note: PeerNote = NO_NOTE


@dataclass(frozen=True, slots=True)
class InterfaceConfig:
    """A configuration file as a value.

    ``listen_port``: 0 for automatic. ``fwmark``: 0 for off. ``mtu``: in bytes, None for automatic.
    ``routes``: False for ``Table = off``. ``warnings``: lines that were accepted but ignored,
    changed or doubtful, and why. ``hub``: what the note of [Interface] says, None without one.
    """

    private_key: Key
    listen_port: int
    fwmark: int
    addresses: tuple[InterfaceAddress, ...]
    mtu: int | None
    dns: tuple[IPAddress, ...]
    dns_search: tuple[str, ...]
    routes: bool
    peers: tuple[PeerSection, ...]
    warnings: tuple[Fault, ...]
    hub: HubNote | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What to ask through a tunnel to see whether it works.

    ``port``: that of a TCP connection; None for an ICMP echo.
    """

    address: IPAddress
    port: int | None = None

    def __str__(self) -> str:
        if self.port is None:
            return str(self.address)
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TunnelSettings:
    """The settings of one container's tunnel.

    ``dns``: the reaction if the container is started without the file's DNS servers. ``sink``:
    IPv6 leak protection: refuse the other family (IPv4 or IPv6) of a full tunnel. ``bypass``:
    destinations outside the tunnel (split tunnel). ``default``: the default route that wins, the
    tunnel's or ("gateway") the one that Docker chooses. ``interface``: the device's name in the
    container, without its number; None for that of the mode. ``priority``: the highest of several
    tunnels' wins where they have the same prefix (live edition). ``disconnect``: whether a running
    container that is disconnected stays closed (live edition). ``publish``: whether the ports of
    --publish are published by the tunnel's network (live edition).

    ``mode``: whether a network's configuration is one container's, or shared by all of its
    containers (live edition). The others are settings of shared networks, as in
    `router.RouterPlan`; ``forward`` is the network's, or in a container's option its own. ``nat``
    is None if the file decides, see `hub.has_nat`.

    ``pick``: which configuration of a pool a container gets: the first, or the least recently used.
    ``probe``: what to ask through the tunnel (live edition). ``failback``: the seconds between
    attempts to go back to the preferred configuration of a pool, 0 for never (live edition).
    ``wait``: the longest time in seconds that a start waits for a handshake, 0 for none;
    ``wait_fail``: whether the container starts without one, or is refused.
    """

    dns: Literal["warn", "require", "off"] = "warn"
    sink: bool = True
    bypass: tuple[Prefix, ...] = ()
    default: Literal["tunnel", "gateway"] = "tunnel"
    interface: str | None = None
    priority: int = 0
    disconnect: Literal["closed", "open"] = "closed"
    publish: bool = True
    mode: Mode = "container"
    isolate: bool = False
    nat: bool | None = None
    forward: tuple[Forward, ...] = ()
    pick: Literal["order", "rotate"] = "order"
    probe: Probe | None = None
    failback: float = 0.0
    wait: float = 0.0
    wait_fail: Literal["start", "refuse"] = "start"

    @property
    def device_prefix(self) -> str:
        """The device's name in the container, without its number."""
        return self.interface or {"container": "wg", "shared": "eth"}[self.mode]
