"""The live edition's work besides Docker's calls, for all networks in containers.

A failure here is logged and shown in the status; a call of Docker's goes on. A tunnel that can't be
changed stays as it is, and blocks other ways out as before.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import BackendError, PluginError, StoreError
from wgplugin.model.device import DeviceConfig
from wgplugin.model.docker_routes import DockerRoute
from wgplugin.model.published import PortBinding
from wgplugin.networks.attachment import Attachment
from wgplugin.networks.edits import Edits
from wgplugin.networks.failover import Failover
from wgplugin.networks.health import Health
from wgplugin.networks.insides import Limits
from wgplugin.networks.member import Member
from wgplugin.networks.publisher import Publisher
from wgplugin.networks.rounds import Rounds
from wgplugin.networks.router import Router
from wgplugin.networks.routers import Routers
from wgplugin.networks.sandbox import Sandbox
from wgplugin.networks.seats import Seats
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
    """Looks after every network in a container, and every router; see `insides.Insides`."""

    edition = "live"
    limits = Limits(
        addresses_per_family=sys.maxsize,
        finds_peers_later=True,
        redirects_dns=True,
        sees_tunnels=True,
    )

    def __init__(
        self,
        services: Services,
        edits: Edits,
        routers: Routers,
        publisher: Publisher,
        seats: Seats,
        failover: Failover,
    ) -> None:
        """Use these parts of the plugin; ``edits`` tells when the files change."""
        self._services = services
        self._publisher = publisher
        self._seats = seats
        self._failover = failover
        self.routers = routers
        self.attachments: dict[str, Attachment] = {}
        """All networks in containers by their endpoints, oldest first."""
        self._sandboxes: dict[str, Sandbox] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._catching_up: set[asyncio.Task[None]] = set()
        self._ending: dict[str, tuple[Sandbox, asyncio.Task[None]]] = {}
        self._coming: dict[str, tuple[Files, DeviceConfig]] = {}
        self._reached: set[str] = set()
        self._rounds = Rounds(services, edits, self._watched, self._see)

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """All containers' own tunnels, oldest first."""
        return tuple(each for each in self.attachments.values() if isinstance(each, Tunnel))

    async def check(self) -> None:
        """Check that the kernel has all parts of nftables."""
        await self._services.containers.check_firewall()

    async def begin(self) -> None:
        """Find the routers."""
        await self.routers.find()

    async def publish(self, endpoint: Endpoint, wanted: Sequence[PortBinding]) -> Endpoint:
        """Choose ports of the host for an endpoint; see `Publisher`."""
        return await self._publisher.publish(endpoint, wanted)

    def attached(self, endpoint: Endpoint, files: Files, device: DeviceConfig) -> None:
        """Keep these until Docker has joined the endpoint."""
        self._coming[endpoint.id] = files, device

    async def join(self, endpoint: Endpoint, sandbox: str) -> tuple[DockerRoute, ...]:
        """Take over a network whose device Docker is about to put into a container."""
        created = endpoint
        endpoint = self._publisher.joined(msgspec.structs.replace(created, sandbox=sandbox))
        try:
            await self._services.endpoints.put(endpoint)
        except StoreError as error:
            log.error(
                "endpoint %.12s won't be known to the plugin's next run: %s", endpoint.id, error
            )
        if endpoint.number != created.number:
            self.routers.replan(created)
        coming = self._coming.pop(endpoint.id, None)
        attachment = self._add(endpoint)
        # What another tunnel's end still does there would undo what this one does.
        ending = [task for where, task in self._ending.values() if where is attachment.sandbox]
        try:
            if ending:
                await asyncio.wait(ending)
            if isinstance(attachment, Tunnel):
                await attachment.prepare(coming)
            given = self._settable(attachment)
            closed = await attachment.block_exits(given)
        except asyncio.CancelledError:
            # The container may be running, and goes on without this network.
            self._forget(endpoint.id)
            await self._to_the_end(endpoint.id, attachment.withdraw(), attachment.sandbox)
            raise
        if attachment.sandbox.container:
            self._reached.add(endpoint.id)
        self._keep(attachment)
        if isinstance(attachment, Tunnel):
            catching_up = asyncio.create_task(self._catch_up(attachment))
            self._catching_up.add(catching_up)
            catching_up.add_done_callback(self._catching_up.discard)
        return () if closed else given

    async def settled(self, endpoint_id: str) -> None:
        """Wait until a network is set up with its ports, if its container was there at the join.

        Docker 28 asks for an endpoint's details after the join and before the container's first
        instruction. Other releases ask before the container exists.
        """
        attachment = self.attachments.get(endpoint_id)
        if attachment is None or endpoint_id not in self._reached:
            return
        attachment.keeper.wake()
        try:
            async with asyncio.timeout(self._services.timings.set_up):
                await attachment.is_ready.wait()
                if attachment.endpoint.number:
                    await self._publisher.tried()
        except TimeoutError:
            if not attachment.is_ready.is_set():
                attachment.note_early_start()

    async def leave(self, endpoint_id: str) -> None:
        """Remove a network from its container, except its device."""
        attachment = self._forget(endpoint_id)
        if attachment:
            await self._to_the_end(endpoint_id, attachment.end(), attachment.sandbox)
        elif ending := self._ending.get(endpoint_id):
            await asyncio.shield(ending[1])

    async def resume(self) -> None:
        """Take over the routers, and the networks in containers, from before the plugin's start."""
        await self.routers.resume()
        found = [
            self._add(endpoint, arrived=True)
            for endpoint in self._services.endpoints
            if endpoint.sandbox and endpoint.id not in self.attachments
        ]
        # Each needs its place among the others before anything is changed.
        for attachment in found:
            if isinstance(attachment, Tunnel):
                await attachment.prepare()
        for attachment in found:
            self._keep(attachment)

    async def run(self) -> None:
        """Keep all networks in containers in line with the files, until cancelled."""
        try:
            await self.resume()
            await self._tell_limits()
            await asyncio.gather(
                self._rounds.run(self._drop_forgotten),
                self._rounds.follow_edits(),
                self._follow_containers(),
                self._publisher.run(),
            )
        finally:
            for task in (*self._keeping.values(), *self._catching_up):
                task.cancel()
            for sandbox in self._sandboxes.values():
                sandbox.close()
            self.routers.close()
            self._failover.close()

    async def switch(self, endpoint_id: str, configuration: str) -> str:
        """Switch a tunnel to another configuration; see `insides.Insides`."""
        return await self._failover.switch(self._tunnel(endpoint_id), configuration)

    async def wait(self, endpoint_id: str, patience: float) -> str:
        """Wait until a tunnel has a handshake, or is down; see `insides.Insides`."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    tunnel = self._tunnel(endpoint_id)
                    await self._rounds.look([tunnel])
                    if tunnel.uplink.health in (Health.UP, Health.DOWN):
                        break
                    await asyncio.sleep(self._services.timings.wait)
        except TimeoutError:
            pass
        return self._tunnel(endpoint_id).uplink.health

    async def statuses(self) -> tuple[TunnelStatus, ...]:
        """Look at all tunnels, and return their status; one that is late is shown as seen last."""
        watched = self._watched()
        await self._rounds.look(watched)
        return tuple(each.status() for each in watched)

    def _watched(self) -> tuple[Tunnel | Router, ...]:
        return (*self.tunnels, *self.routers)

    def _see(self, watched: Tunnel | Router) -> None:
        # A router without containers has no claims.
        if isinstance(watched, Tunnel) or any(watched.members):
            self._failover.see(watched)

    def _tunnel(self, endpoint_id: str) -> Tunnel | Router:
        attachment = self.attachments.get(endpoint_id)
        if isinstance(attachment, Member):
            endpoint_id = attachment.endpoint.network_id
        tunnel = next((each for each in self._watched() if each.id == endpoint_id), None)
        if tunnel is None:
            message = f"there is no tunnel of endpoint {endpoint_id:.12} in a container"
            raise PluginError(Code.NO_SUCH_TUNNEL, message)
        return tunnel

    def _settable(self, attachment: Attachment) -> tuple[DockerRoute, ...]:
        """Return the routes for Docker to set: it fails to set one that another network has."""
        others = (each for each in self.attachments.values() if each.sandbox is attachment.sandbox)
        taken = {net for other in others for net in other.expected}
        routes = attachment.endpoint.route_values
        return tuple(each for each in routes if each.destination not in taken)

    def _drop_forgotten(self) -> None:
        """Drop what Docker has dropped without a call."""
        for endpoint_id in tuple(self.attachments):
            if self._services.endpoints.get(endpoint_id) is None:
                dropping = asyncio.create_task(self.leave(endpoint_id))
                self._catching_up.add(dropping)
                dropping.add_done_callback(self._catching_up.discard)

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
            await self.routers.check_pins()
            await asyncio.sleep(timings.glance)

    def _add(self, endpoint: Endpoint, *, arrived: bool = False) -> Attachment:
        former = self._forget(endpoint.id)
        if former:
            former.leave()
            self._let_go(former.sandbox)
        key, services, publisher = endpoint.sandbox, self._services, self._publisher
        sandbox = self._sandboxes.get(key)
        if sandbox is None:
            sandbox = Sandbox(key, services.containers, services.timings)
            self._sandboxes[key] = sandbox
        attachment: Attachment
        network = services.networks.get(endpoint.network_id)
        if network and network.mode == "shared":
            router = self.routers.of(network)
            attachment = Member(endpoint, sandbox, services, publisher, router, arrived=arrived)
        else:
            attachment = Tunnel(
                endpoint, sandbox, services, publisher, self._seats, arrived=arrived
            )
        self.attachments[endpoint.id] = attachment
        return attachment

    def _keep(self, attachment: Attachment) -> None:
        """Begin to look after a network in a container, unless it has left by now."""
        endpoint_id = attachment.endpoint.id
        if self.attachments.get(endpoint_id) is attachment:
            self._keeping[endpoint_id] = asyncio.create_task(attachment.run())

    async def _catch_up(self, tunnel: Tunnel) -> None:
        """Notice an edit between the making of a tunnel's device and its join."""
        version, name = self._services.folder.version, tunnel.configuration
        before = await asyncio.to_thread(version, name)
        await asyncio.sleep(self._services.timings.still)
        # What changes from now on gives notice.
        if await asyncio.to_thread(version, name) == before:
            tunnel.edited(before)

    def _forget(self, endpoint_id: str) -> Attachment | None:
        self._reached.discard(endpoint_id)
        self._coming.pop(endpoint_id, None)
        if task := self._keeping.pop(endpoint_id, None):
            task.cancel()
        self._failover.forget(endpoint_id)
        attachment = self.attachments.pop(endpoint_id, None)
        if attachment:
            attachment.is_kept = False
        return attachment

    async def _to_the_end(
        self, endpoint_id: str, work: Coroutine[Any, Any, None], sandbox: Sandbox
    ) -> None:
        """Do the last work, also if the caller is cancelled; then let go of the sandbox."""
        ending = asyncio.create_task(work)
        self._ending[endpoint_id] = sandbox, ending
        ending.add_done_callback(lambda _: self._ended(endpoint_id, sandbox))
        await asyncio.shield(ending)

    def _ended(self, endpoint_id: str, sandbox: Sandbox) -> None:
        self._ending.pop(endpoint_id, None)
        self._let_go(sandbox)

    def _let_go(self, sandbox: Sandbox) -> None:
        """Close a sandbox that has no networks of ours any more."""
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
