"""``wgplugin serve``: picks the kernel's backend, and serves Docker's calls until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn.config
import uvicorn.server

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import Settings
from wgplugin.docker.http import create_app
from wgplugin.errors import PluginError
from wgplugin.kernel import privileges
from wgplugin.kernel.host import KernelHost
from wgplugin.kernel.setns import trouble
from wgplugin.logs import LogHandler
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import LiveKernel, Plugin, assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

log = logging.getLogger("wgplugin")

DOCKER_RUN = Path("/mnt/docker")
"""The mount point of the host's /run/docker, in the live edition."""

# Docker reuses idle connections of any age; to close one would break the next call.
KEEP_ALIVE = 365 * 24 * 3600
GRACE = 5


def run(listener: int, arguments: argparse.Namespace) -> int:
    """Serve on the socket of descriptor ``listener`` until SIGTERM; return the exit status."""
    logging.basicConfig(handlers=[LogHandler(sys.stdout.fileno())])
    own = _own_settings(arguments)
    log.setLevel(own.log_level.upper())
    why_not = trouble(DOCKER_RUN)
    if why_not and os.environ.get("EDITION") == "live":
        log.error(
            "this is the live edition, but works as the base edition does: %s [%s]",
            why_not,
            Code.NOT_LIVE,
        )
    needed = privileges.NEEDED if why_not else privileges.NEEDED_LIVE
    try:
        privileges.drop(needed)
    except OSError as error:
        log.warning("privileges that aren't needed can't be given up: %s", error)
    try:
        store = Store(arguments.state_dir)
    except PluginError as error:
        log.error("%s", error)
        return 1
    timings = Timings()
    host = KernelHost()
    plugin = assemble(
        ConfigFolder(arguments.config_dir, own),
        store,
        host,
        Resolver(timings, host.families),
        live=None if why_not else _live(arguments.state_dir),
        timings=timings,
    )
    log.info("serving as the %s edition", plugin.insides.edition)
    # Imported modules stay for ever: skipping them saves 5.6 ms of each full garbage collection.
    gc.freeze()
    gc.enable()
    asyncio.run(serve(plugin, socket.socket(fileno=listener)))
    return 0


async def serve(plugin: Plugin, listener: socket.socket) -> None:
    """Serve a plugin on a listening socket until SIGTERM."""
    server = _HTTPServer(
        uvicorn.config.Config(
            create_app(plugin.driver, plugin.upkeep.status, plugin.insides, plugin.timings),
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
    await plugin.upkeep.begin()
    keeping = asyncio.create_task(plugin.upkeep.run())
    keeping.add_done_callback(_report_failure)
    await server.serve([listener])
    keeping.cancel()


def _report_failure(upkeep: asyncio.Task[None]) -> None:
    if not upkeep.cancelled() and (error := upkeep.exception()):
        log.error("the upkeep failed unexpectedly [%s]", Code.FAILED, exc_info=error)


class _HTTPServer(uvicorn.server.Server):
    """Sleeps until its end; uvicorn's own server wakes up ten times a second."""

    def __init__(self, config: uvicorn.config.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End at a signal."""
        super().handle_exit(sig, frame)
        asyncio.get_running_loop().call_soon_threadsafe(self._ended.set)


def _live(state_dir: Path) -> LiveKernel:
    # Imported late, as the base edition has no use for them.
    from wgplugin.kernel.containers import KernelContainers
    from wgplugin.kernel.inotify import FolderWatch
    from wgplugin.kernel.publishing import KernelPublishing
    from wgplugin.kernel.routers import KernelRouters

    owner = _owner(state_dir)
    return LiveKernel(
        KernelContainers(DOCKER_RUN / "netns"),
        KernelRouters(DOCKER_RUN, owner),
        KernelPublishing(owner),
        FolderWatch(),
    )


def _owner(state_dir: Path) -> str:
    """Return a name for this plugin among those of this host, which an upgrade doesn't change."""
    found = state_dir.stat()
    return f"{found.st_dev:x}-{found.st_ino:x}"


def _own_settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings of the command line and the environment, without the wrong ones."""
    settings = Settings()
    given = {
        "log-level": arguments.log_level,
        "resolve-timeout": arguments.resolve_timeout,
        "re-resolve-after": arguments.re_resolve_after,
    }
    for name, text in given.items():
        try:
            settings = settings.override({name: text} if text else {})
        except PluginError as error:
            log.warning("%s", error)
    return settings
