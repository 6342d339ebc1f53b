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
from wgplugin.errors import PluginError, StoreError
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.identity import device_name
from wgplugin.model.order import arrange
from wgplugin.networks.insides import Limits
from wgplugin.networks.services import Services
from wgplugin.networks.status import TunnelStatus
from wgplugin.networks.tunnel import Tunnel
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

NO_FRAMES = (
    "this kernel can't stop frames that programs make themselves (it takes Linux 5.16, and "
    "NETFILTER_EGRESS); start containers that are on another network, too, with --cap-drop NET_RAW"
)


class Supervisor:
    """Looks after every tunnel in a container; see `insides.Insides`."""

    edition = "live"
    limits = Limits(addresses_per_family=sys.maxsize, finds_peers_later=True, redirects_dns=True)

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tunnels: dict[str, Tunnel] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._coming: dict[str, Files] = {}
        self._reached: set[str] = set()
        self._settings = Settings()

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """All tunnels, oldest first."""
        return tuple(self._tunnels.values())

    async def check(self) -> None:
        """Check that the kernel has all parts of nftables."""
        await self._services.containers.check_firewall()

    def attached(self, endpoint: Endpoint, files: Files) -> None:
        """Keep the files until Docker has joined the endpoint."""
        self._coming[endpoint.id] = files

    async def join(self, endpoint: Endpoint, sandbox: str) -> tuple[DockerRoute, ...]:
        """Take over a tunnel whose device Docker is about to put into a container."""
        endpoint = msgspec.structs.replace(endpoint, sandbox=sandbox)
        try:
            await self._services.endpoints.put(endpoint)
        except StoreError as error:
            log.error(
                "endpoint %.12s won't be known to the plugin's next run: %s", endpoint.id, error
            )
        tunnel = Tunnel(endpoint, self._services)
        if files := self._coming.pop(endpoint.id, None):
            tunnel.plan(files)
        self._tunnels[endpoint.id] = tunnel
        # Docker fails to set a route that another tunnel has.
        taken = {net for other in self._with(tunnel) for net in other.expected}
        given = tuple(each for each in endpoint.route_values if each.destination not in taken)
        closed = await tunnel.block_exits(given)
        if closed or await self._services.containers.exists(sandbox):
            self._reached.add(endpoint.id)
        self._begin(tunnel)
        return () if closed else given

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
        self._coming.pop(endpoint_id, None)
        for tasks in (self._work, self._following):
            task = tasks.pop(endpoint_id, None)
            if task and task is not asyncio.current_task():
                task.cancel()
        if tunnel:
            await tunnel.end([each.planned for each in self._with(tunnel) if each.planned])
            await self._arrange(tunnel)

    async def resume(self) -> None:
        """Take over the tunnels from before the plugin's start."""
        found = [
            Tunnel(endpoint, self._services)
            for endpoint in self._services.endpoints
            if endpoint.sandbox and endpoint.id not in self._tunnels
        ]
        for tunnel in found:
            await tunnel.recall()
            self._tunnels[tunnel.endpoint.id] = tunnel
        for tunnel in found:
            self._begin(tunnel)

    async def run(self) -> None:
        """Keep all tunnels in line with the files, until cancelled."""
        await self.resume()
        await self._tell_limits()
        timings = self._services.timings
        for tick in itertools.count(1):
            await asyncio.sleep(timings.tick)
            # Each tunnel logs the errors of its files; the last good settings stay in force.
            with contextlib.suppress(PluginError):
                self._settings = await asyncio.to_thread(self._services.folder.settings)
            looking = tick % timings.observe_every == 0
            for endpoint_id, tunnel in self._tunnels.items():
                # A tunnel that waits must not delay the others; one that joins has no work yet.
                work = self._work.get(endpoint_id)
                if work and work.done():
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
            if await tunnel.watch():
                await self._arrange(tunnel)
            if looking:
                await tunnel.observe()
                tunnel.search(self._settings)
        except Exception:
            log.exception("%s: failed unexpectedly [%s]", tunnel, Code.FAILED)

    def _begin(self, tunnel: Tunnel) -> None:
        if before := self._work.get(tunnel.endpoint.id):
            before.cancel()
        self._work[tunnel.endpoint.id] = asyncio.create_task(self._set_up(tunnel))

    async def _set_up(self, tunnel: Tunnel) -> None:
        await self._arrange(tunnel)
        await tunnel.finish()
        self._following[tunnel.endpoint.id] = asyncio.create_task(tunnel.follow())

    async def _arrange(self, tunnel: Tunnel) -> None:
        """Give the tunnels of a container their places; see model.order."""
        tunnels = {device_name(each.endpoint.id): each for each in self._with(tunnel)}
        for plan in arrange(filter(None, (each.planned for each in tunnels.values()))):
            await tunnels[plan.device].arrange(plan)

    def _with(self, tunnel: Tunnel) -> list[Tunnel]:
        """Return the tunnels of a tunnel's container."""
        return [
            each
            for each in self._tunnels.values()
            if each.endpoint.sandbox == tunnel.endpoint.sandbox
        ]

    async def _tell_limits(self) -> None:
        try:
            if not await self._services.containers.check_firewall():
                log.warning("%s [%s]", NO_FRAMES, Code.NO_NFTABLES)
        except PluginError as error:
            log.warning("%s", error)
