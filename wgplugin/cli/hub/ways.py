"""What a client is told of its way to a hub: endpoint, routes, DNS servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wgplugin.cli import engine
from wgplugin.cli.hub import addresses, options
from wgplugin.cli.hub.client_file import Way
from wgplugin.cli.hub.document import Document
from wgplugin.cli.hub.init import no_endpoint
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.prefixes import IPAddress, Prefix


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a client's way; None for those that aren't given.

    ``keepalive`` and ``mtu`` are as in `Way`.
    """

    endpoint: str | None = None
    routes: tuple[Prefix, ...] | None = None
    dns: tuple[IPAddress, ...] | None = None
    keepalive: int = 25
    mtu: int = 0


def way_of(hub: str, wanted: Wanted) -> Callable[[Document], Way]:
    """Return what tells a client of a hub its way, given the hub's file; see `peers.add`.

    What isn't given is asked of Docker at once: which subnets the hub's networks have. The function
    raises PluginError if the file isn't a server's.

    Raises:
        PluginError: the subnets must be known, and aren't.
    """
    known = _networks(hub, wanted)

    def way(document: Document) -> Way:
        config, note = document.config, document.hub
        if not config.listen_port:
            raise PluginError(
                Code.NOT_A_HUB,
                f"{document.name} has no ListenPort, at which peers could dial in; add one",
            )
        endpoint = options.endpoint(wanted.endpoint, config.listen_port) if wanted.endpoint else ""
        endpoint = endpoint or (note.endpoint if note else "")
        if not endpoint:
            raise no_endpoint()
        own = addresses.subnets(document)
        routes = wanted.routes or (*own, *(each.prefix for each in known))
        asks = tuple(each.gateway for each in known)
        return Way(
            endpoint,
            tuple(dict.fromkeys(routes)),
            asks if wanted.dns is None else wanted.dns,
            hub if wanted.dns is None and options.HUB.fullmatch(hub) else "",
            wanted.keepalive,
            wanted.mtu,
        )

    return way


def _networks(hub: str, wanted: Wanted) -> tuple[engine.Subnet, ...]:
    """Return the subnets of the hub's networks, as far as they are needed."""
    if wanted.routes is not None and wanted.dns is not None:
        return ()
    try:
        found = engine.subnets_of(hub)
        why = "no network of Docker's has this hub's file"
    except PluginError as error:
        found, why = (), error.message
    if not found and wanted.routes is None:
        raise PluginError(
            Code.NO_ROUTES,
            f"the containers' subnet isn't known, as {why}; create the network first (docker "
            f"network create --driver wireguard:live --opt wireguard-config={hub} --opt "
            f"wireguard-mode=shared {hub}), or give --routes",
        )
    return found
