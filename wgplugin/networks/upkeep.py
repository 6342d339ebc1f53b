"""Work without a call of Docker's: at the plugin's start, and as long as it runs."""

from __future__ import annotations

import asyncio
import logging

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.errors import PluginError
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.common import apply_log_level
from wgplugin.networks.insides import Insides
from wgplugin.networks.status import Status
from wgplugin.state.records import Network
from wgplugin.state.store import Records
from wgplugin.timings import Timings

log = logging.getLogger(__name__)


class Upkeep:
    """Brings the devices in line with the records; looks after the tunnels and reports on them."""

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        endpoints: Endpoints,
        insides: Insides,
        timings: Timings,
    ) -> None:
        self._folder = folder
        self._networks = networks
        self._endpoints = endpoints
        self._insides = insides
        self._timings = timings
        self._settled = True

    async def begin(self) -> None:
        """Do the work that must precede the first call. Failures are logged."""
        try:
            apply_log_level(self._folder.settings())
        except PluginError as error:
            log.error("%s", error)
        await self._insides.begin()
        self._settled = await self._reconcile()

    async def run(self) -> None:
        """Keep everything as it should be, until cancelled."""
        await asyncio.gather(self._insides.run(), self._reconcile_later())

    async def status(self) -> Status:
        """Return the status of every tunnel, as far as this edition can see it."""
        return Status(self._insides.edition, await self._insides.statuses())

    async def reconcile(self) -> bool:
        """Clean up after an earlier run, or after a crash of Docker; see Endpoints.reconcile().

        Logs an error if there are networks but no configurations.

        Raises:
            PluginError: the devices can't be listed or deleted, or a record can't be removed.
        """
        networks = len(list(self._networks))
        if networks and not self._folder.names():
            log.error(
                "there are %d networks, but the configuration folder is empty: no container can "
                "start; after an upgrade of the plugin its folder must be set again: "
                "docker plugin set PLUGIN config.source=DIR [%s]",
                networks,
                Code.EMPTY_FOLDER,
            )
        return await self._endpoints.reconcile()

    async def _reconcile(self) -> bool:
        try:
            return await self.reconcile()
        except PluginError as error:
            log.error("%s", error)
            return True

    async def _reconcile_later(self) -> None:
        if not self._settled:
            await asyncio.sleep(self._timings.settling)
            await self._reconcile()
