"""Finds the tunnels that somebody means by the name, or the id, of a network or a container."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wgplugin.cli import client, engine
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks.status import TunnelStatus

_ID = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, slots=True)
class Found:
    """A tunnel of the plugin on ``socket``."""

    socket: Path
    tunnel: TunnelStatus

    @property
    def id(self) -> str:
        """What the plugin's calls know the tunnel by: a shared network's is the network's own."""
        return self.tunnel.endpoint or self.tunnel.network

    def __str__(self) -> str:
        return f"{self.tunnel.configuration} ({self.id[:12]})"


def find(name: str, network: str | None, given: Path | None) -> tuple[Found, ...]:
    """Return the tunnels of a container or a network, which is at least one.

    ``name`` is a name, or an id with 12 digits or more: Docker's of either, or one that the status
    shows. With ``network``, a name or an id, only tunnels of that one count. ``given``: the
    plugin's socket, None to ask all plugins on this host.

    Raises:
        PluginError: there is no such tunnel, or neither the plugin nor Docker can be asked.
    """
    everything = _all(given)
    found = [each for each in everything if _has_id(each.tunnel, name)] or _named(everything, name)
    if network:
        found = _of_network(found, network)
    if not found:
        there = ", ".join(map(str, everything)) or "none"
        where = f" of the network {network}" if network else ""
        raise PluginError(
            Code.NO_SUCH_TUNNEL, f"{name} has no tunnel{where}; the tunnels are: {there}"
        )
    return tuple(found)


def find_one(name: str, network: str | None, given: Path | None) -> Found:
    """Return the tunnel of a container or a network, as find() does.

    Raises:
        PluginError: as find(); or there are several.
    """
    found = find(name, network, given)
    if len(found) > 1:
        each = ", ".join(f"{one} of the network {one.tunnel.network[:12]}" for one in found)
        raise PluginError(
            Code.NO_SUCH_TUNNEL,
            f"{name} has {len(found)} tunnels: {each}; name the container, and with --network the "
            "network, or give the id of one",
        )
    return found[0]


def _all(given: Path | None) -> list[Found]:
    answers, _ = client.reports(given)
    return [Found(path, tunnel) for path, answer in answers.items() for tunnel in answer.tunnels]


def _endpoints(tunnel: TunnelStatus) -> set[str]:
    return {tunnel.endpoint, *(each.endpoint for each in tunnel.containers)} - {""}


def _has_id(tunnel: TunnelStatus, name: str) -> bool:
    ids = {tunnel.network, *_endpoints(tunnel)}
    return bool(_ID.fullmatch(name)) and any(each.startswith(name) for each in ids)


def _named(everything: Iterable[Found], name: str) -> list[Found]:
    """Return the tunnels of what Docker knows by a name: a network, a container, or both."""
    network, endpoints = engine.network_id(name), engine.endpoint_ids(name)
    return [
        each
        for each in everything
        if each.tunnel.network == network or not endpoints.isdisjoint(_endpoints(each.tunnel))
    ]


def _of_network(found: Iterable[Found], name: str) -> list[Found]:
    given = [each for each in found if _ID.fullmatch(name) and each.tunnel.network.startswith(name)]
    if given:
        return given
    network = engine.network_id(name)
    return [each for each in found if each.tunnel.network == network]
