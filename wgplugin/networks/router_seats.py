"""A router's part in the claims to configurations, which its network has."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import PluginError, StoreError
from wgplugin.networks.seats import Seats
from wgplugin.state.records import Network

log = logging.getLogger(__name__)


class RouterSeats:
    """Only networks with pools have claims to change."""

    def __init__(self, network: Callable[[], Network], seats: Seats | None) -> None:
        """Claim for the network that ``network`` returns; without ``seats`` it isn't switched."""
        self._network = network
        self._seats = seats

    def is_free(self, configuration: str) -> bool:
        """Return whether no other network has a configuration."""
        seats = self._seats
        return seats is not None and seats.is_free(seats.stand_in(self._network()), configuration)

    async def claim(self, configuration: str, files: Files, why: str) -> None:
        """Claim a configuration for the network, and for all of its containers.

        Raises:
            PluginError: it can't be had.
        """
        if self._seats is None:
            raise PluginError(Code.NO_SUCH_TUNNEL, "the router can't be switched")
        await self._seats.claim_all(self._network(), configuration, files, why)

    async def answers(
        self, configuration: str, files: Files, ask: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Return what ``ask`` returns while a configuration is kept for the network.

        Raises:
            PluginError: another network has it.
        """
        network, seats = self._network(), self._seats
        if seats is None:
            return False
        return await seats.answers(seats.stand_in(network), configuration, files, network.pool, ask)

    async def accept(self, files: Files) -> None:
        """Take over edited files; raise PluginError if another network has their key."""
        network, seats = self._network(), self._seats
        if seats:
            await seats.accept(seats.stand_in(network), files, network.pool)

    async def agree(self, subject: object) -> None:
        """Give up what the device had before; a failure is logged as that of ``subject``."""
        if self._seats:
            try:
                await self._seats.agree(self._network())
            except StoreError as error:
                log.warning("%s: %s", subject, error)
