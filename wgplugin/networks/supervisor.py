"""The live edition: what it does beside answering Docker, for all tunnels that are in containers.

Nothing here fails a call of Docker's. A tunnel that can't be changed stays as it is, which never
is a way past it; why is in the log and in the status.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Iterable

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.conf.settings import Settings
from wgplugin.errors import PluginError
from wgplugin.networks.tunnel import Means, Tunnel
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

TICK = 1.0
LOOK_EVERY = 5
"""The seconds between looks at the files, and after how many of them at the tunnels, too."""

WAIT = 10.0
"""The seconds that Docker is kept waiting at most until a tunnel is set up."""


class Live:
    """Every tunnel in a container that can be entered."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tunnels: dict[str, Tunnel] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._reached: set[str] = set()
        self._settings = Settings()

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """All tunnels, oldest first."""
        return tuple(self._tunnels.values())

    async def join(self, endpoint: Endpoint, files: Files) -> bool:
        """Take charge of a tunnel whose device Docker is about to put into a container.

        Returns whether nothing leaves the container past the tunnel from now on; if not, Docker
        must be told routes.
        """
        tunnel = Tunnel(endpoint, self._means)
        guarded = await tunnel.guard(files)
        if guarded or await self._means.sandboxes.exists(endpoint.sandbox):
            self._reached.add(endpoint.id)
        self._begin(tunnel)
        return guarded

    async def finished(self, endpoint_id: str) -> None:
        """Wait until a tunnel is set up, if its container was there when it joined.

        Docker 28 asks for an endpoint's details between that and the container's first instruction;
        others ask before the container is there at all.
        """
        task = self._work.get(endpoint_id)
        if task and endpoint_id in self._reached:
            await asyncio.wait([task], timeout=WAIT)

    async def leave(self, endpoint_id: str) -> None:
        """Take a tunnel, but for its device, out of its container."""
        tunnel = self._tunnels.pop(endpoint_id, None)
        self._reached.discard(endpoint_id)
        task = self._work.pop(endpoint_id, None)
        if task and task is not asyncio.current_task():
            task.cancel()
        if tunnel:
            await tunnel.end()

    def resume(self, endpoints: Iterable[Endpoint]) -> None:
        """Take charge of the tunnels that were there before the plugin started."""
        for endpoint in endpoints:
            if endpoint.sandbox and endpoint.id not in self._tunnels:
                self._begin(Tunnel(endpoint, self._means))

    async def run(self) -> None:
        """Keep all tunnels as the files say, until cancelled."""
        for tick in itertools.count(1):
            await asyncio.sleep(TICK)
            # What is wrong in them is said for each tunnel; what was in force stays so.
            with contextlib.suppress(PluginError):
                self._settings = await asyncio.to_thread(self._means.folder.settings)
            looking = tick % LOOK_EVERY == 0
            for endpoint_id, tunnel in self._tunnels.items():
                # One that waits for something holds up no other.
                if self._work[endpoint_id].done():
                    task = asyncio.create_task(self._tend(tunnel, looking))
                    self._work[endpoint_id] = task

    async def look(self) -> None:
        """See how all tunnels are doing."""
        await asyncio.gather(*(tunnel.look() for tunnel in self.tunnels))

    async def _tend(self, tunnel: Tunnel, looking: bool) -> None:
        try:
            if self._means.endpoints.get(tunnel.endpoint.id) is None:
                await self.leave(tunnel.endpoint.id)
                return
            await tunnel.watch()
            if looking:
                await tunnel.look()
                tunnel.search(self._settings)
        except Exception:
            log.exception("%s: failed unexpectedly [%s]", tunnel, Code.FAILED)

    def _begin(self, tunnel: Tunnel) -> None:
        if before := self._work.get(tunnel.endpoint.id):
            before.cancel()
        self._tunnels[tunnel.endpoint.id] = tunnel
        self._work[tunnel.endpoint.id] = asyncio.create_task(tunnel.finish())
