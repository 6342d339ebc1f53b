"""Puts the parts of the plugin together."""

from __future__ import annotations

from dataclasses import dataclass

from wgplugin.clock import Clock, SystemClock
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker.driver import Driver
from wgplugin.model.backends import (
    ContainerKernel,
    FolderNotices,
    HostKernel,
    PublishingKernel,
    RouterKernel,
)
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.direct import Direct
from wgplugin.networks.insides import Insides, NoInsides
from wgplugin.networks.keys import Keys
from wgplugin.networks.kinds import Kind
from wgplugin.networks.modes import Modes
from wgplugin.networks.peers import Peers
from wgplugin.networks.pools import Pools
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


@dataclass(frozen=True, slots=True)
class LiveKernel:
    """What only the live edition has of the kernel, up to the notices of edits."""

    containers: ContainerKernel
    routers: RouterKernel
    publishing: PublishingKernel
    notices: FolderNotices


def assemble(
    folder: ConfigFolder,
    store: Store,
    host: HostKernel,
    resolver: Resolver,
    live: LiveKernel | None = None,
    clock: Clock | None = None,
    timings: Timings | None = None,
) -> Plugin:
    """Return a plugin that serves the configurations of ``folder`` with devices of ``host``.

    With ``live`` it is the live edition.
    """
    clock, timings = clock or SystemClock(), timings or Timings()
    peers = Peers(resolver, store.networks, host)
    pools, keys = Pools(folder, store.networks), Keys(folder, store.endpoints)
    if live is None:
        endpoints = Endpoints(store, host, clock, timings)
        base = NoInsides(store.endpoints, store.networks)
        direct = Direct(folder, store.networks, endpoints, peers, host, base, pools, keys)
        return _plugin(folder, store, endpoints, base, timings, direct, None)
    # Imported late, as the base edition has no use for them.
    from wgplugin.networks.edits import Edits
    from wgplugin.networks.failover import Failover
    from wgplugin.networks.publisher import Publisher
    from wgplugin.networks.routers import Routers
    from wgplugin.networks.seats import Seats
    from wgplugin.networks.services import Services
    from wgplugin.networks.shared import Shared
    from wgplugin.networks.supervisor import Supervisor

    services = Services(
        folder,
        store.networks,
        store.endpoints,
        peers,
        live.containers,
        host.families,
        clock,
        timings,
    )
    routers = Routers(services, live.routers, host)
    publisher = Publisher(services, live.publishing)
    endpoints = Endpoints(store, host, clock, timings, routers, publisher)
    edits, seats = Edits(folder, live.notices, timings), Seats(endpoints, keys, pools)
    routers.seats = seats
    failover = Failover(services, pools, host)
    insides = Supervisor(services, edits, routers, publisher, seats, failover)
    direct = Direct(folder, store.networks, endpoints, peers, host, insides, pools, keys)
    shared = Shared(folder, store.networks, endpoints, routers, host, insides, pools, keys, peers)
    return _plugin(folder, store, endpoints, insides, timings, direct, shared)


def _plugin(
    folder: ConfigFolder,
    store: Store,
    endpoints: Endpoints,
    insides: Insides,
    timings: Timings,
    direct: Kind,
    shared: Kind | None,
) -> Plugin:
    modes = Modes(folder, store.networks, direct, shared)
    upkeep = Upkeep(folder, store.networks, endpoints, insides, timings)
    return Plugin(Driver(modes), upkeep, insides, timings)
