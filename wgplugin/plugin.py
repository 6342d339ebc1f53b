"""The parts of the plugin, put together."""

from __future__ import annotations

from dataclasses import dataclass

from wgplugin.clock import Clock, SystemClock
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker.driver import Driver
from wgplugin.model.backends import ContainerKernel, HostKernel
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
    """What answers Docker, and what happens without its calls."""

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
    clock: Clock | None = None,
    timings: Timings | None = None,
) -> Plugin:
    """Return a plugin that serves the configurations of ``folder`` on the devices of ``host``.

    With ``containers``, whose namespaces can be entered, it is the live edition.
    """
    clock, timings = clock or SystemClock(), timings or Timings()
    endpoints = Endpoints(store, host, clock, timings)
    peers = Peers(resolver, store.networks, host)
    insides: Insides = NoInsides(store.endpoints)
    if containers:
        # The base edition has no use for these.
        from wgplugin.networks.services import Services
        from wgplugin.networks.supervisor import Supervisor

        insides = Supervisor(
            Services(folder, store.networks, store.endpoints, peers, containers, clock, timings)
        )
    direct = Direct(folder, store.networks, endpoints, peers, host, insides)
    upkeep = Upkeep(folder, store.networks, endpoints, insides, timings)
    return Plugin(Driver(direct), upkeep, insides, timings)
