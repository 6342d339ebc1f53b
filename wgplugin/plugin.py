"""Puts the parts of the plugin together."""

from __future__ import annotations

from dataclasses import dataclass

from wgplugin.clock import Clock, SystemClock
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker.driver import Driver
from wgplugin.model.backends import ContainerKernel, FolderNotices, HostKernel
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.direct import Direct
from wgplugin.networks.insides import Insides, NoInsides
from wgplugin.networks.peers import Peers
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.upkeep import Upkeep
from wgplugin.state.store import Store
from wgplugin.timings import Timings


@dataclass(frozen=True, slots=True)
class Plugin:
    """The driver for Docker's calls, and the upkeep without them."""

    driver: Driver
    upkeep: Upkeep
    insides: Insides
    timings: Timings


def assemble(
    folder: ConfigFolder,
    store: Store,
    host: HostKernel,
    resolver: Resolver,
    containers: ContainerKernel | None = None,
    notices: FolderNotices | None = None,
    clock: Clock | None = None,
    timings: Timings | None = None,
) -> Plugin:
    """Return a plugin that serves the configurations of ``folder`` with devices of ``host``.

    With ``containers``, which enters containers' namespaces, and ``notices`` of changes in the
    folder, it is the live edition.
    """
    clock, timings = clock or SystemClock(), timings or Timings()
    endpoints = Endpoints(store, host, clock, timings)
    peers = Peers(resolver, store.networks, host)
    insides: Insides = NoInsides(store.endpoints)
    if containers and notices:
        # Imported late, as the base edition has no use for them.
        from wgplugin.networks.edits import Edits
        from wgplugin.networks.services import Services
        from wgplugin.networks.supervisor import Supervisor

        insides = Supervisor(
            Services(
                folder,
                store.networks,
                store.endpoints,
                peers,
                containers,
                host.families,
                clock,
                timings,
            ),
            Edits(folder, notices, timings),
        )
    direct = Direct(folder, store.networks, endpoints, peers, host, insides)
    upkeep = Upkeep(folder, store.networks, endpoints, insides, timings)
    return Plugin(Driver(direct), upkeep, insides, timings)
