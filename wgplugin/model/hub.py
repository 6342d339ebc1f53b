"""A hub: a shared network whose file is a server's, so that peers dial in. Pure.

A file is a server's if it has a ListenPort and no peer is a full tunnel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model import prefixes
from wgplugin.model.attachment import allowed_ips
from wgplugin.model.configuration import InterfaceConfig, PeerSection, TunnelSettings
from wgplugin.model.notes import NO_NOTE
from wgplugin.model.prefixes import Prefix
from wgplugin.model.router import Limit


def has_nat(config: InterfaceConfig, tunnel: TunnelSettings) -> bool:
    """Return whether a shared network's containers appear to peers with the router's address.

    ``wireguard-nat`` decides, and without it the file: a server's peers know the subnets.
    """
    return not _is_server(config) if tunnel.nat is None else tunnel.nat


def is_hub(config: InterfaceConfig, tunnel: TunnelSettings) -> bool:
    """Return whether peers dial in: they reach containers, and each other, and ask for names."""
    return not tunnel.nat and _is_server(config)


def limits(config: InterfaceConfig, versions: Iterable[int]) -> tuple[Limit, ...]:
    """Return the limits of the peers that have some, for these IP versions."""
    versions = set(versions)
    return tuple(
        Limit(
            tuple(net for net in _sources(peer, config) if net.version in versions),
            tuple(each for each in peer.note.reach if each.prefix.version in versions),
        )
        for peer in config.peers
        if peer.note.reach is not None
    )


def summed_up(config: InterfaceConfig, tunnel: TunnelSettings) -> InterfaceConfig:
    """Return a hub's configuration as its containers see it: one peer, behind which is all.

    Its addresses are summed up to the subnets of the hub's Address. So nothing changes for
    containers when a peer comes or goes, and a thousand peers need few routes. Other configurations
    are returned unchanged.
    """
    if not is_hub(config, tunnel) or not config.peers:
        return config
    subnets = [each.network for each in config.addresses]

    def sum_up(net: Prefix) -> Prefix:
        return next((each for each in subnets if _holds(each, net)), net)

    nets = tuple(dict.fromkeys(map(sum_up, allowed_ips(config))))
    return replace(config, peers=(replace(config.peers[0], note=NO_NOTE, allowed_ips=nets),))


@dataclass(frozen=True, slots=True)
class Present:
    """A configuration at a moment; ``until``: when it changes next by itself, in seconds since
    1970, None for never.
    """

    config: InterfaceConfig
    until: int | None


def present(config: InterfaceConfig, now: float) -> Present:
    """Return a configuration without the peers that have expired; ``now``: seconds since 1970."""
    if all(peer.note.expires is None for peer in config.peers):
        return Present(config, None)
    peers = tuple(peer for peer in config.peers if not has_expired(peer, now))
    coming = [peer.note.expires for peer in peers if peer.note.expires is not None]
    return Present(replace(config, peers=peers), min(coming, default=None))


def has_expired(peer: PeerSection, now: float) -> bool:
    """Return whether a peer has expired; ``now`` is in seconds since 1970."""
    return peer.note.expires is not None and peer.note.expires <= now


def check_alone(file_name: str, config: InterfaceConfig) -> None:
    """Check that a container can have this configuration for itself.

    Raises:
        PluginError: it has a peer with a limit, which only a router keeps.
    """
    for peer in config.peers:
        if peer.note.reach is not None:
            name = f"peer {peer.note.name}" if peer.note.name else "a peer"
            raise PluginError(
                Code.NEEDS_ROUTER,
                f"{file_name}: reach limits {name}, which takes a shared network: create it with "
                "wireguard-mode=shared, or remove reach from the note",
            )


def _sources(peer: PeerSection, config: InterfaceConfig) -> Iterator[Prefix]:
    """Yield what a peer may send from: its prefixes without the longer ones of others in them."""
    for net in peer.allowed_ips:
        if net.prefixlen == net.max_prefixlen:
            yield net
            continue
        longer = (each for each in allowed_ips(config) if each != net and _holds(net, each))
        yield from prefixes.without(net, longer)


def _is_server(config: InterfaceConfig) -> bool:
    return bool(config.listen_port) and not prefixes.full_families(allowed_ips(config))


def _holds(net: Prefix, other: Prefix) -> bool:
    # Faster than subnet_of(), which compares both ends.
    return other.prefixlen >= net.prefixlen and other.network_address in net
