"""The network that a container gets from a configuration, for people and programs. Pure.

A report has no secrets: the only keys in it are the peers' public keys.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network

from wgplugin.conf.settings import Settings
from wgplugin.model import prefixes
from wgplugin.model.attachment import (
    OVERHEAD,
    attachment,
    check_tunnel,
    needs_blackhole_address,
    tunnel_mtu,
)
from wgplugin.model.configuration import InterfaceConfig, PeerEndpoint, TunnelSettings
from wgplugin.model.hub import has_nat
from wgplugin.model.prefixes import InterfaceAddress, Prefix

# Stand-ins for the addresses that Docker will assign: for the routes, only the family matters.
ASSIGNED = (ip_interface("0.0.0.0/32"), ip_interface("::/128"))
WIDTH = 100

EDITIONS = {
    "base": "base",
    "live": "needs the live edition: the base edition sets one IPv4 and one IPv6 address",
}
SHARED_EDITION = "needs the live edition: the base edition has no shared networks"


@dataclass(frozen=True, slots=True)
class PeerReport:
    """A peer; ``endpoint`` is as in the file, None for a peer that connects by itself."""

    public_key: str
    endpoint: str | None
    allowed_ips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The network that a container gets.

    - ``addresses``: empty if they come from Docker's IPAM or an option;
    - ``routes``: destinations in the tunnel;
    - ``sink``: destinations refused by IPv6 leak protection;
    - ``bypass``: destinations outside the tunnel (split tunnel);
    - ``unrouted``: AllowedIPs without a route, as the container has no IPv6 address;
    - ``default``: "tunnel", or "gateway" if Docker chooses the default route among networks;
    - ``mtu``: in bytes, None for automatic;
    - ``dns``, ``dns_search``: for Docker's ``--dns`` and ``--dns-search``;
    - ``dns_policy``: the reaction if these are missing, as in `TunnelSettings`;
    - ``edition``: "base", or "live" if the base edition isn't enough;
    - ``mode``: "container", or "shared" if the network's containers share the tunnel, whose device
      then has the ``addresses``;
    - ``nat``, ``isolate``, ``forwards``: as in `TunnelSettings`, for a shared network.
    """

    addresses: tuple[str, ...]
    routes: tuple[str, ...]
    sink: tuple[str, ...]
    bypass: tuple[str, ...]
    unrouted: tuple[str, ...]
    default: str
    mtu: int | None
    dns: tuple[str, ...]
    dns_search: tuple[str, ...]
    dns_policy: str
    edition: str
    peers: tuple[PeerReport, ...]
    mode: str
    nat: bool
    isolate: bool
    forwards: tuple[str, ...]


def report(config: InterfaceConfig, tunnel: TunnelSettings) -> Report:
    """Return the network that a container gets from a configuration with these settings.

    Raises:
        PluginError: the settings conflict.
    """
    check_tunnel(tunnel)
    allowed = dict.fromkeys(net for peer in config.peers for net in peer.allowed_ips)
    is_shared = tunnel.mode == "shared"
    addresses = ASSIGNED if is_shared else config.addresses or ASSIGNED
    if needs_blackhole_address(config, addresses, tunnel):
        addresses = (*addresses, prefixes.blackhole_address(""))
    usable = {4, *(address.version for address in addresses)}
    inside = _destinations(config, addresses, replace(tunnel, sink=False))
    besides = _destinations(config, addresses, tunnel) - inside
    full = prefixes.full_families(allowed)
    families = [address.version for address in config.addresses]
    return Report(
        addresses=_texts(config.addresses),
        routes=_texts(_as_written(allowed, inside, {each.network for each in addresses})),
        sink=_texts(prefixes.collapsed(net for net in besides if net.version not in full)),
        bypass=_texts(tunnel.bypass),
        unrouted=_texts(net for net in allowed if config.routes and net.version not in usable),
        default=tunnel.default,
        mtu=config.mtu,
        dns=_texts(config.dns),
        dns_search=config.dns_search,
        dns_policy=tunnel.dns,
        edition="base" if len(families) == len(set(families)) and not is_shared else "live",
        peers=tuple(_peers(config)),
        mode=tunnel.mode,
        nat=has_nat(config, tunnel),
        isolate=tunnel.isolate,
        forwards=_texts(tunnel.forward),
    )


def _destinations(
    config: InterfaceConfig, addresses: Iterable[InterfaceAddress], tunnel: TunnelSettings
) -> set[Prefix]:
    """Return the destinations of a container's routes, without the next hops themselves."""
    found = attachment(config, addresses, tunnel)
    hops = {*found.gateways, *(route.next_hop for route in found.routes if route.next_hop)}
    defaults = {prefixes.EVERYTHING[gateway.version] for gateway in found.gateways}
    return {route.destination for route in found.routes} - set(map(ip_network, hops)) | defaults


def _as_written(
    allowed: Iterable[Prefix], inside: set[Prefix], connected: set[Prefix]
) -> Iterator[Prefix]:
    """Yield the destinations ``inside`` as the file has them, or in parts if bypass takes some."""
    rest = set(inside)
    for net in allowed:
        parts = {*net.subnets()} if net.prefixlen == 0 and net not in inside else {net}
        if parts <= inside | connected:
            yield net
            rest -= parts
    yield from prefixes.collapsed(rest)


def _peers(config: InterfaceConfig) -> Iterator[PeerReport]:
    for peer in config.peers:
        yield PeerReport(
            public_key=peer.public_key.base64(),
            endpoint=_endpoint(peer.endpoint) if peer.endpoint else None,
            allowed_ips=_texts(peer.allowed_ips),
        )


def _endpoint(endpoint: PeerEndpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, values))


def container_text(found: Report) -> str:
    """Return a report as a table for people."""
    return _table(_container_rows(found))


def _container_rows(found: Report) -> Iterator[tuple[str, str]]:
    listed = ", ".join(found.addresses)
    if found.mode == "shared":
        yield "addresses", f"from Docker; the tunnel's own are {listed or 'none'}"
        yield "mode", _shared_text(found.nat, found.isolate, found.forwards)
    else:
        assigned = "from Docker, or the container's options: the file has no Address"
        yield "addresses", listed or assigned
    yield "routes", ", ".join(found.routes) or "none"
    if found.unrouted:
        yield "no route", f"{', '.join(found.unrouted)}: the file has no IPv6 Address"
    if found.sink:
        rest = "all else of that family is refused (IPv6 leak protection)"
        yield "sink", f"{', '.join(found.sink)}: {rest}"
    if found.bypass:
        yield "bypass", f"{', '.join(found.bypass)}: not by the tunnel"
    if found.default == "gateway":
        yield "default", "Docker chooses it among the container's networks"
    yield "MTU", str(found.mtu or f"automatic: {_automatic_mtu(found)}")
    if found.dns or found.dns_search:
        servers = [f"--dns {server}" for server in found.dns]
        domains = [f"--dns-search {domain}" for domain in found.dns_search]
        must = "must" if found.dns_policy == "require" else "is to"
        yield "DNS", f"{must} be given to Docker: docker run {' '.join([*servers, *domains])}"
    yield "edition", SHARED_EDITION if found.mode == "shared" else EDITIONS[found.edition]
    for number, peer in enumerate(found.peers, 1):
        where = f"at {peer.endpoint}" if peer.endpoint else "which has no Endpoint"
        yield f"peer {number}", f"{peer.public_key} {where}"


def _automatic_mtu(found: Report) -> str:
    if any(peer.endpoint for peer in found.peers):
        return f"path to the peer less {OVERHEAD}"
    return f"{tunnel_mtu(())}, as no peer has an Endpoint"


def settings_text(settings: Settings) -> str:
    """Return settings as a table for people."""
    return _table(_settings_rows(settings))


def _settings_rows(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "log-level", settings.log_level
    yield "resolve-timeout", f"{settings.resolve_timeout:g}"
    yield "re-resolve-after", f"{settings.re_resolve_after:g}"
    yield "defaults", _tunnel_text(settings.defaults)
    for name, tunnel in settings.configurations.items():
        yield name, _tunnel_text(tunnel)


def _tunnel_text(tunnel: TunnelSettings) -> str:
    sink = "on" if tunnel.sink else "off"
    bypass = ", ".join(map(str, tunnel.bypass)) or "none"
    text = f"dns {tunnel.dns}; sink {sink}; bypass {bypass}; default {tunnel.default}"
    text += "" if tunnel.publish else "; publish off"
    text += "".join(f"; {name} {value}" for name, value in _of_pools(tunnel))
    if tunnel.mode == "container":
        return text
    return f"{text}; mode {_shared_text(tunnel.nat, tunnel.isolate, _texts(tunnel.forward))}"


def _of_pools(tunnel: TunnelSettings) -> Iterator[tuple[str, str]]:
    """Yield the settings that aren't the built-in ones, as wgplugin.yaml has them."""
    if tunnel.pick == "rotate":
        yield "pick", tunnel.pick
    if tunnel.probe:
        yield "probe", str(tunnel.probe)
    if tunnel.failback:
        yield "failback", f"{tunnel.failback:g}"
    if tunnel.wait:
        yield "wait", f"{tunnel.wait:g}"
    if tunnel.wait_fail == "refuse":
        yield "wait-fail", tunnel.wait_fail


def _shared_text(nat: bool | None, isolate: bool, forwards: Iterable[str]) -> str:
    text = "auto" if nat is None else "on" if nat else "off"
    switches = f"nat {text}; isolate {'on' if isolate else 'off'}"
    return f"shared; {switches}; forwards {', '.join(forwards) or 'none'}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    rows = tuple(rows)
    margin = max(len(name) for name, _ in rows) + 4
    return "\n".join(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"  {name}".ljust(margin),
            subsequent_indent=" " * margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, text in rows
    )
