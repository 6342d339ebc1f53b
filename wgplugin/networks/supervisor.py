"""The live edition's work besides Docker's calls, for all tunnels in containers.

A failure here is logged and shown in the status; a call of Docker's goes on. A tunnel that can't be
changed stays as it is, and blocks other ways out as before.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine, Iterable
from typing import Any

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError, PluginError, StoreError
from wgplugin.model.device import DeviceConfig
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.networks.edits import Edits
from wgplugin.networks.insides import Limits
from wgplugin.networks.sandbox import Sandbox
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

    def __init__(self, services: Services, edits: Edits) -> None:
        """Use these parts of the plugin; ``edits`` tells when the files change."""
        self._services = services
        self._edits = edits
        self._tunnels: dict[str, Tunnel] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._catching_up: set[asyncio.Task[None]] = set()
        self._ending: dict[str, tuple[Sandbox, asyncio.Task[None]]] = {}
        self._coming: dict[str, tuple[Files, DeviceConfig]] = {}
        self._reached: set[str] = set()

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """All tunnels, oldest first."""
        return tuple(self._tunnels.values())

    async def check(self) -> None:
        """Check that the kernel has all parts of nftables."""
        await self._services.containers.check_firewall()

    def attached(self, endpoint: Endpoint, files: Files, device: DeviceConfig) -> None:
        """Keep these until Docker has joined the endpoint."""
        self._coming[endpoint.id] = files, device

    async def join(self, endpoint: Endpoint, sandbox: str) -> tuple[DockerRoute, ...]:
        """Take over a tunnel whose device Docker is about to put into a container."""
        endpoint = msgspec.structs.replace(endpoint, sandbox=sandbox)
        try:
            await self._services.endpoints.put(endpoint)
        except StoreError as error:
            log.error(
                "endpoint %.12s won't be known to the plugin's next run: %s", endpoint.id, error
            )
        coming = self._coming.pop(endpoint.id, None)
        tunnel = self._add(endpoint)
        # What another tunnel's end still does there would undo what this one does.
        ending = [task for where, task in self._ending.values() if where is tunnel.sandbox]
        try:
            if ending:
                await asyncio.wait(ending)
            if coming:
                tunnel.take(*coming)
            else:
                await tunnel.read()
            # Docker fails to set a route that another tunnel has.
            others = (each for each in self.tunnels if each.sandbox is tunnel.sandbox)
            taken = {net for other in others for net in other.expected}
            given = tuple(each for each in endpoint.route_values if each.destination not in taken)
            closed = await tunnel.block_exits(given)
        except asyncio.CancelledError:
            # The container may be running, and goes on without this network.
            self._forget(endpoint.id)
            await self._to_the_end(endpoint.id, tunnel.withdraw(), tunnel.sandbox)
            raise
        if tunnel.sandbox.container:
            self._reached.add(endpoint.id)
        self._keep(tunnel)
        catching_up = asyncio.create_task(self._catch_up(tunnel))
        self._catching_up.add(catching_up)
        catching_up.add_done_callback(self._catching_up.discard)
        return () if closed else given

    async def settled(self, endpoint_id: str) -> None:
        """Wait until a tunnel is set up, if its container was there when it joined.

        Docker 28 asks for an endpoint's details after the join and before the container's first
        instruction. Other releases ask before the container exists.
        """
        tunnel = self._tunnels.get(endpoint_id)
        if tunnel is None or endpoint_id not in self._reached:
            return
        tunnel.wake()
        try:
            async with asyncio.timeout(self._services.timings.set_up):
                await tunnel.is_ready.wait()
        except TimeoutError:
            tunnel.note_early_start()

    async def leave(self, endpoint_id: str) -> None:
        """Remove a tunnel from its container, except its device."""
        tunnel = self._forget(endpoint_id)
        if tunnel:
            await self._to_the_end(endpoint_id, tunnel.end(), tunnel.sandbox)
        elif ending := self._ending.get(endpoint_id):
            await asyncio.shield(ending[1])

    async def resume(self) -> None:
        """Take over the tunnels from before the plugin's start."""
        found = [
            self._add(endpoint, arrived=True)
            for endpoint in self._services.endpoints
            if endpoint.sandbox and endpoint.id not in self._tunnels
        ]
        # Each needs its place among the others before anything is changed.
        for tunnel in found:
            await tunnel.read()
        for tunnel in found:
            self._keep(tunnel)

    async def run(self) -> None:
        """Keep all tunnels in line with the files, until cancelled."""
        try:
            await self.resume()
            await self._tell_limits()
            await asyncio.gather(
                self._make_rounds(), self._follow_edits(), self._follow_containers()
            )
        finally:
            for task in (*self._keeping.values(), *self._catching_up):
                task.cancel()
            for sandbox in self._sandboxes.values():
                sandbox.close()

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Look at all tunnels, and return their status; one that is late is shown as seen last."""
        tunnels = self.tunnels
        await self._look(tunnels)
        return tuple(tunnel.status() for tunnel in tunnels)

    async def _look(self, tunnels: Iterable[Tunnel]) -> None:
        """Look at tunnels, all at once: a look by itself takes longer to begin than to do."""
        looks = [(tunnel, tunnel.look()) for tunnel in tunnels]
        there = [(tunnel, container) for tunnel, container in looks if container]
        asked = [(container, tunnel.device) for tunnel, container in there]
        seen = await self._services.containers.observe(asked, self._services.timings.status)
        for (tunnel, _), each in zip(there, seen, strict=True):
            tunnel.see(each)

    async def _make_rounds(self) -> None:
        """Look at each tunnel now and then, and drop those whose endpoint Docker has dropped."""
        services = self._services
        while True:
            await asyncio.sleep(services.timings.round)
            now = services.clock.monotonic()
            due = [tunnel for tunnel in self.tunnels if tunnel.is_look_due(now)]
            try:
                for tunnel in due:
                    if services.endpoints.get(tunnel.endpoint.id) is None:
                        await self.leave(tunnel.endpoint.id)
                if due:
                    await self._look(due)
            except Exception:
                log.exception("the tunnels can't be looked at [%s]", Code.FAILED)

    async def _follow_edits(self) -> None:
        def names() -> set[str]:
            return {tunnel.endpoint.configuration for tunnel in self.tunnels}

        async for versions in self._edits.follow(names):
            for tunnel in self.tunnels:
                if version := versions.get(tunnel.endpoint.configuration):
                    tunnel.edited(version)

    async def _follow_containers(self) -> None:
        """Let go of the containers that Docker takes away, also if it doesn't say so."""
        timings = self._services.timings
        while True:
            try:
                await self._services.containers.changed()
            except BackendError as error:
                log.warning("%s", error)
                await asyncio.sleep(timings.observe)
            for sandbox in tuple(self._sandboxes.values()):
                sandbox.check()
            await asyncio.sleep(timings.glance)

    def _add(self, endpoint: Endpoint, *, arrived: bool = False) -> Tunnel:
        former = self._forget(endpoint.id)
        if former:
            former.leave()
            self._let_go(former.sandbox)
        key, services = endpoint.sandbox, self._services
        sandbox = self._sandboxes.get(key)
        if sandbox is None:
            sandbox = Sandbox(key, services.containers, services.timings)
            self._sandboxes[key] = sandbox
        tunnel = Tunnel(endpoint, sandbox, services, arrived=arrived)
        self._tunnels[endpoint.id] = tunnel
        return tunnel

    def _keep(self, tunnel: Tunnel) -> None:
        """Begin to look after a tunnel, unless it has left by now."""
        endpoint_id = tunnel.endpoint.id
        if self._tunnels.get(endpoint_id) is tunnel:
            self._keeping[endpoint_id] = asyncio.create_task(tunnel.run())

    async def _catch_up(self, tunnel: Tunnel) -> None:
        """Notice an edit between the making of a tunnel's device and its join."""
        version, name = self._services.folder.version, tunnel.endpoint.configuration
        before = await asyncio.to_thread(version, name)
        await asyncio.sleep(self._services.timings.still)
        # What changes from now on gives notice.
        if await asyncio.to_thread(version, name) == before:
            tunnel.edited(before)

    def _forget(self, endpoint_id: str) -> Tunnel | None:
        self._reached.discard(endpoint_id)
        self._coming.pop(endpoint_id, None)
        if task := self._keeping.pop(endpoint_id, None):
            task.cancel()
        return self._tunnels.pop(endpoint_id, None)

    async def _to_the_end(
        self, endpoint_id: str, work: Coroutine[Any, Any, None], sandbox: Sandbox
    ) -> None:
        """Do a tunnel's last work, also if the caller is cancelled; then let go of the sandbox."""
        ending = asyncio.create_task(work)
        self._ending[endpoint_id] = sandbox, ending
        ending.add_done_callback(lambda _: self._ended(endpoint_id, sandbox))
        await asyncio.shield(ending)

    def _ended(self, endpoint_id: str, sandbox: Sandbox) -> None:
        self._ending.pop(endpoint_id, None)
        self._let_go(sandbox)

    def _let_go(self, sandbox: Sandbox) -> None:
        """Close a sandbox that has no tunnels any more."""
        if sandbox.is_empty():
            sandbox.close()
            if self._sandboxes.get(sandbox.key) is sandbox:
                del self._sandboxes[sandbox.key]

    async def _tell_limits(self) -> None:
        try:
            if not await self._services.containers.check_firewall():
                log.warning("%s [%s]", NO_FRAMES, Code.NO_NFTABLES)
        except PluginError as error:
            log.warning("%s", error)
