"""What peers with a limit may begin, as nftables of a shared network's router. Pure.

WireGuard lets a peer send from its AllowedIPs alone, so a packet's source tells whose it is. There
is a chain for each limit, which peers may have in common; a map leads from sources to chains.
"""

from __future__ import annotations

from collections.abc import Iterator

from wgplugin.kernel import nftables
from wgplugin.kernel.matches import by_source, from_set, to_port, to_prefix
from wgplugin.kernel.nftables import Chain, PrefixMap, PrefixSet, Rule
from wgplugin.model.notes import Reach
from wgplugin.model.prefixes import Prefix
from wgplugin.model.router import Limit

_FORWARD = b"\0"
_RETURN, _DROP = nftables.verdict(nftables.RETURN), nftables.verdict(nftables.DROP)


def limits_chains(limits: tuple[Limit, ...]) -> tuple[Chain, ...]:
    """Return the chains; each returns for what its peers may begin, and drops the rest."""
    return tuple(
        Chain(name, (*map(_allowed, reach), _DROP)) for reach, name in _names(limits).items()
    )


def limits_maps(limits: tuple[Limit, ...]) -> tuple[PrefixMap, ...]:
    """Return the maps from sources to chains, one for each IP version that has sources."""
    names = _names(limits)
    chains = {net: names[limit.reach] for limit in limits for net in limit.sources}
    return tuple(
        PrefixMap(f"limits{version}", version, tuple((net, chains[net]) for net in nets))
        for version, nets in _nets(limits)
    )


def limits_sets(limits: tuple[Limit, ...]) -> tuple[PrefixSet, ...]:
    """Return the sets of the sources, one for each IP version that has some."""
    return tuple(PrefixSet(f"limited{version}", version, nets) for version, nets in _nets(limits))


def within_limits(limits: tuple[Limit, ...]) -> Iterator[Rule]:
    """Yield what drops the packets that peers with a limit mustn't send, and passes others on.

    Answers to connections that others began are passed on.
    """
    begun = nftables.ct(nftables.CT_DIRECTION, _FORWARD)
    for found in limits_maps(limits):
        yield (*begun, *by_source(found.name, found.version))


def limited(limits: tuple[Limit, ...]) -> Iterator[Rule]:
    """Yield what matches packets of peers with a limit."""
    for found in limits_sets(limits):
        yield from_set(found.name, found.version)


def _names(limits: tuple[Limit, ...]) -> dict[tuple[Reach, ...], str]:
    distinct = dict.fromkeys(limit.reach for limit in limits)
    return {reach: f"limit{number}" for number, reach in enumerate(distinct)}


def _nets(limits: tuple[Limit, ...]) -> Iterator[tuple[int, tuple[Prefix, ...]]]:
    nets = [net for limit in limits for net in limit.sources]
    for version in (4, 6):
        if found := tuple(net for net in nets if net.version == version):
            yield version, found


def _allowed(reach: Reach) -> Rule:
    port = to_port(reach.protocol, reach.port) if reach.protocol and reach.port else ()
    return (*to_prefix(reach.prefix), *port, *_RETURN)
