"""The pools of networks: the order in which their configurations are tried, and how they did."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.errors import PluginError, StoreError
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.pool import Pool, ranked
from wgplugin.state.records import Network
from wgplugin.state.store import Records

log = logging.getLogger(__name__)


class Pools:
    """Knows the files that a pool matches now; what it notes is in the network's record."""

    def __init__(self, folder: ConfigFolder, networks: Records[Network]) -> None:
        self._folder = folder
        self._networks = networks

    async def matched(self, network: Network) -> tuple[str, ...]:
        """Return the configurations of a network's pool that are there now, in its order."""
        return network.pool.matched(await asyncio.to_thread(self._folder.names))

    async def no_match(self, pool: Pool) -> PluginError:
        """Return the error for a pool that no file matches."""
        names = await asyncio.to_thread(self._folder.names)
        if not names:
            return PluginError(
                Code.EMPTY_FOLDER,
                f"no file matches wireguard-config={pool}, as the configuration folder is empty; "
                "set another folder with docker plugin set PLUGIN config.source=DIR",
            )
        near = pool.near(names)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"the configuration folder has: {', '.join(names[:20])}"
        )
        return PluginError(Code.NO_MATCH, f"no file matches wireguard-config={pool}; {hint}")

    async def candidates(self, network: Network, tunnel: TunnelSettings) -> tuple[str, ...]:
        """Return the same in the order in which to try them, whoever uses them now."""
        return ranked(
            await self.matched(network),
            rotate=tunnel.pick == "rotate",
            used=network.used,
            failed=network.failed,
        )

    async def note_use(self, network_id: str, name: str) -> None:
        """Take note that a container or a router gets a configuration."""
        network = self._networks.get(network_id)
        used = network.used if network else ()
        await self._note(network_id, used=(*(each for each in used if each != name), name))

    async def choose(self, network_id: str, name: str, since: float, why: str) -> None:
        """Remember the configuration of a shared network's router.

        ``since`` is in seconds since 1970; it and ``why`` are for the user.

        Raises:
            StoreError: the record can't be written.
        """
        async with self._networks.lock(network_id):
            if network := self._networks.get(network_id):
                changes = {"chosen": name, "since": since, "why": why}
                await self._networks.put(msgspec.structs.replace(network, **changes))

    async def note_outcome(self, network_id: str, name: str, *, worked: bool) -> None:
        """Take note of whether a configuration had a handshake at its last use."""
        network = self._networks.get(network_id)
        others = tuple(each for each in network.failed if each != name) if network else ()
        await self._note(network_id, failed=others if worked else (*others, name))

    async def _note(self, network_id: str, **changes: tuple[str, ...]) -> None:
        async with self._networks.lock(network_id):
            network = self._networks.get(network_id)
            changed = network and msgspec.structs.replace(network, **changes)
            if changed is None or changed == network:
                return
            try:
                await self._networks.put(changed)
            except StoreError as error:
                log.warning("how a pool's configurations did can't be remembered: %s", error)
