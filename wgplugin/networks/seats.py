"""The claims of tunnels that get another configuration while they are in a container."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from wgplugin.conf.folder import Files
from wgplugin.model.pool import Pool
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.keys import Keys
from wgplugin.networks.pools import Pools
from wgplugin.state.records import Endpoint, Network


class Seats:
    """One configuration and one key for one endpoint, also while it changes them."""

    def __init__(self, endpoints: Endpoints, keys: Keys, pools: Pools) -> None:
        self._endpoints = endpoints
        self._keys = keys
        self._pools = pools

    def lock(self, endpoint_id: str) -> asyncio.Lock:
        """Return the endpoint's lock; hold it to change its claims."""
        return self._endpoints.lock(endpoint_id)

    def is_free(self, endpoint: Endpoint, configuration: str) -> bool:
        """Return whether no other endpoint has a configuration."""
        return not self._endpoints.holder(configuration, endpoint.id, endpoint.network_id)

    async def claim(
        self, endpoint: Endpoint, configuration: str, files: Files, why: str, pool: Pool
    ) -> Endpoint:
        """Claim a configuration besides the present one; return the record, which is stored.

        The caller holds the endpoint's lock.

        Raises:
            PluginError: another endpoint has the configuration, or its key.
            StoreError: the record can't be written.
        """
        key = files.config.private_key
        with self._endpoints.trying(endpoint, configuration):
            async with self._keys.given(endpoint.id, configuration, key, pool):
                return await self._endpoints.switch(endpoint, configuration, why)

    async def claim_all(self, network: Network, configuration: str, files: Files, why: str) -> None:
        """Claim a configuration for all endpoints of a shared network, besides the present one.

        Raises:
            PluginError: an endpoint of another network has the configuration, or its key.
            StoreError: a record can't be written.
        """
        key, stand_in = files.config.private_key, self.stand_in(network)
        with self._endpoints.trying(stand_in, configuration):
            async with self._keys.given(network.id, configuration, key, network.pool):
                for each in self._of(network.id):
                    await self._endpoints.switch(each, configuration, why)
                await self._pools.choose(network.id, configuration, self._endpoints.wall(), why)

    async def agree(self, network: Network) -> None:
        """Give up all claims of a shared network's endpoints but that to its chosen configuration.

        Raises:
            StoreError: a record can't be written.
        """
        for each in self._of(network.id):
            if each.claims != {network.chosen}:
                agreed = msgspec.structs.replace(each, configuration=network.chosen)
                await self._endpoints.release(agreed)

    def stand_in(self, network: Network) -> Endpoint:
        """Return an endpoint that stands for all of a shared network's."""
        return Endpoint(
            id=network.id,
            network_id=network.id,
            configuration=network.configuration_in_use,
            created=self._endpoints.now(),
        )

    def _of(self, network_id: str) -> list[Endpoint]:
        return [each for each in self._endpoints if each.network_id == network_id]

    async def release(self, endpoint: Endpoint) -> Endpoint:
        """Give up the claims to former configurations; return the record, which is stored.

        The caller holds the endpoint's lock.

        Raises:
            StoreError: the record can't be written.
        """
        return await self._endpoints.release(endpoint)

    async def accept(self, endpoint: Endpoint, files: Files, pool: Pool) -> None:
        """Take over the key of an edited file.

        Raises:
            PluginError: another endpoint has it.
        """
        key = files.config.private_key
        async with self._keys.given(endpoint.id, endpoint.configuration, key, pool):
            pass

    async def answers(
        self,
        endpoint: Endpoint,
        configuration: str,
        files: Files,
        pool: Pool,
        ask: Callable[[], Awaitable[bool]],
    ) -> bool:
        """Return what ``ask`` returns while a configuration is kept for an endpoint.

        Raises:
            PluginError: another endpoint has the configuration, or its key.
        """
        key = files.config.private_key
        with self._endpoints.trying(endpoint, configuration):
            async with self._keys.given(endpoint.id, configuration, key, pool):
                return await ask()
