"""The live edition's work besides Docker's calls, for all tunnels in containers.

A failure here is logged and shown in the status; a call of Docker's goes on. A tunnel that can't be
changed stays as it is, and blocks other ways out as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sys

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.networks.insides import Limits
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.tunnel import Tunnel
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)


class Supervisor:
    """Looks after every tunnel in a container; see `insides.Insides`."""

    edition = "live"
    limits = Limits(addresses_per_family=sys.maxsize, finds_peers_later=True, redirects_dns=True)

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tunnels: dict[str, Tunnel] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._reached: set[str] = set()
        self._settings = Settings()

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """All tunnels, oldest first."""
        return tuple(self._tunnels.values())

    async def join(self, endpoint: Endpoint, sandbox: str, files: Files) -> bool:
        """Take over a tunnel whose device Docker is about to put into a container."""
        endpoint = msgspec.structs.replace(endpoint, sandbox=sandbox)
        await self._services.endpoints.put(endpoint)
        tunnel = Tunnel(endpoint, self._services)
        closed = await tunnel.block_exits(files)
        if closed or await self._services.containers.exists(sandbox):
            self._reached.add(endpoint.id)
        self._begin(tunnel)
        return closed

    async def settled(self, endpoint_id: str) -> None:
        """Wait until a tunnel is set up, if its container was there when it joined.

        Docker 28 asks for an endpoint's details after the join and before the container's first
        instruction. Other releases ask before the container exists.
        """
        task = self._work.get(endpoint_id)
        if task and endpoint_id in self._reached:
            await asyncio.wait([task], timeout=self._services.timings.set_up)

    async def leave(self, endpoint_id: str) -> None:
        """Remove a tunnel from its container, except its device."""
        tunnel = self._tunnels.pop(endpoint_id, None)
        self._reached.discard(endpoint_id)
        task = self._work.pop(endpoint_id, None)
        if task and task is not asyncio.current_task():
            task.cancel()
        if tunnel:
            await tunnel.end()

    def resume(self) -> None:
        """Take over the tunnels from before the plugin's start."""
        for endpoint in self._services.endpoints:
            if endpoint.sandbox and endpoint.id not in self._tunnels:
                self._begin(Tunnel(endpoint, self._services))

    async def run(self) -> None:
        """Keep all tunnels in line with the files, until cancelled."""
        self.resume()
        timings = self._services.timings
        for tick in itertools.count(1):
            await asyncio.sleep(timings.tick)
            # Each tunnel logs the errors of its files; the last good settings stay in force.
            with contextlib.suppress(PluginError):
                self._settings = await asyncio.to_thread(self._services.folder.settings)
            looking = tick % timings.observe_every == 0
            for endpoint_id, tunnel in self._tunnels.items():
                # A tunnel that waits must not delay the others.
                if self._work[endpoint_id].done():
                    task = asyncio.create_task(self._tend(tunnel, looking))
                    self._work[endpoint_id] = task

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Look at all tunnels, and return their status."""
        await asyncio.gather(*(tunnel.observe() for tunnel in self.tunnels))
        return tuple(tunnel.status() for tunnel in self.tunnels)

    async def _tend(self, tunnel: Tunnel, looking: bool) -> None:
        try:
            if self._services.endpoints.get(tunnel.endpoint.id) is None:
                await self.leave(tunnel.endpoint.id)
                return
            await tunnel.watch()
            if looking:
                await tunnel.observe()
                tunnel.search(self._settings)
        except Exception:
            log.exception("%s: failed unexpectedly [%s]", tunnel, Code.FAILED)

    def _begin(self, tunnel: Tunnel) -> None:
        if before := self._work.get(tunnel.endpoint.id):
            before.cancel()
        self._tunnels[tunnel.endpoint.id] = tunnel
        self._work[tunnel.endpoint.id] = asyncio.create_task(tunnel.finish())
