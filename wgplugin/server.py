"""The plugin at work: Docker's calls are served, and what was left behind is cleared up."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn
from starlette.applications import Starlette

from wgplugin.driver import Driver
from wgplugin.endpoints import SETTLING
from wgplugin.errors import PluginError

log = logging.getLogger(__name__)

# Docker reuses an idle connection however old; a server that closes one breaks the next call.
KEEP_ALIVE = 365 * 24 * 3600
GRACE = 5


class Server:
    """Serves a driver, after it has cleared up."""

    def __init__(self, app: Starlette, driver: Driver) -> None:
        """Serve ``app``, whose calls go to ``driver``."""
        self._driver = driver
        self._server = uvicorn.Server(
            uvicorn.Config(
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
