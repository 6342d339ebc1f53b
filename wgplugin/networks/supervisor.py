"""The live edition: what it does beside answering Docker, for all tunnels that are in containers.

Nothing here fails a call of Docker's. A tunnel that can't be changed stays as it is, which never
is a way past it; why is in the log and in the status.
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
    """Every tunnel in a container that can be entered; see `insides.Insides`."""

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
        """Take charge of a tunnel whose device Docker is about to put into a container."""
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

        Docker 28 asks for an endpoint's details between that and the container's first instruction;
        others ask before the container is there at all.
        """
        task = self._work.get(endpoint_id)
        if task and endpoint_id in self._reached:
            await asyncio.wait([task], timeout=self._services.timings.set_up)

    async def leave(self, endpoint_id: str) -> None:
        """Take a tunnel, but for its device, out of its container."""
        tunnel = self._tunnels.pop(endpoint_id, None)
        self._reached.discard(endpoint_id)
        task = self._work.pop(endpoint_id, None)
        if task and task is not asyncio.current_task():
            task.cancel()
        if tunnel:
            await tunnel.end()

    def resume(self) -> None:
        """Take charge of the tunnels that were there before the plugin started."""
        for endpoint in self._services.endpoints:
            if endpoint.sandbox and endpoint.id not in self._tunnels:
                self._begin(Tunnel(endpoint, self._services))

    async def run(self) -> None:
        """Keep all tunnels as the files say, until cancelled."""
        self.resume()
        timings = self._services.timings
        for tick in itertools.count(1):
            await asyncio.sleep(timings.tick)
            # What is wrong in them is said for each tunnel; what was in force stays so.
            with contextlib.suppress(PluginError):
                self._settings = await asyncio.to_thread(self._services.folder.settings)
            looking = tick % timings.observe_every == 0
            for endpoint_id, tunnel in self._tunnels.items():
                # One that waits for something holds up no other.
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
