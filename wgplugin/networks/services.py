"""The parts of the plugin that the live edition's tunnels use."""

from __future__ import annotations

from dataclasses import dataclass

from wgplugin.clock import Clock
from wgplugin.conf.folder import ConfigFolder
from wgplugin.model.backends import ContainerKernel
from wgplugin.networks.peers import Peers
from wgplugin.state.records import Endpoint, Network
from wgplugin.state.store import Records
from wgplugin.timings import Timings


@dataclass(frozen=True, slots=True)
class Services:
    """The files, the records, the peers, the kernel, the host's address families, and the time."""

    folder: ConfigFolder
    networks: Records[Network]
    endpoints: Records[Endpoint]
    peers: Peers
    containers: ContainerKernel
    families: frozenset[int]
    clock: Clock
    timings: Timings
