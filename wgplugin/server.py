"""The plugin at work: Docker's calls are served, and what was left behind is cleared up."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import uvicorn.config
import uvicorn.server
from starlette.applications import Starlette

from wgplugin.docker.driver import Driver
from wgplugin.errors import PluginError
from wgplugin.networks.claims import SETTLING

log = logging.getLogger(__name__)

# Docker reuses an idle connection however old; a server that closes one breaks the next call.
KEEP_ALIVE = 365 * 24 * 3600
GRACE = 5


class Server:
    """Serves a driver, after it has cleared up."""

    def __init__(self, app: Starlette, driver: Driver) -> None:
        """Serve ``app``, whose calls go to ``driver``."""
        self._driver = driver
        self._server = _HTTPServer(
            uvicorn.config.Config(
                app,
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE,
            )
        )

    async def serve(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until SIGTERM."""
        try:
            self._driver.settings()
        except PluginError as error:
            log.error("%s", error)
        if not await self._reconcile():
            self._later = asyncio.create_task(self._reconcile_later())
        keeping = asyncio.create_task(self._driver.keep())
        await self._server.serve([listener])
        keeping.cancel()

    async def _reconcile(self) -> bool:
        try:
            return await self._driver.reconcile()
        except PluginError as error:
            log.error("%s", error)
            return True

    async def _reconcile_later(self) -> None:
        await asyncio.sleep(SETTLING)
        await self._reconcile()


class _HTTPServer(uvicorn.server.Server):
    """Sleeps until it is told to end, where uvicorn's own looks ten times a second."""

    def __init__(self, config: uvicorn.config.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, by a signal."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._told.set)
