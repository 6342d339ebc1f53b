"""The modes of networks: which kind serves a network, and with which settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import PluginError
from wgplugin.model.configuration import Mode, TunnelSettings
from wgplugin.networks.kinds import Kind, NewNetwork
from wgplugin.state.records import Network
from wgplugin.state.store import Records


class Modes:
    """Chooses the kind of network for each of Docker's calls.

    A network keeps the mode of its creation, whatever wgplugin.yaml says later.
    """

    def __init__(
        self,
        folder: ConfigFolder,
        networks: Records[Network],
        container: Kind,
        shared: Kind | None,
    ) -> None:
        """Choose among these kinds; ``shared`` is None in the base edition."""
        self._folder = folder
        self._networks = networks
        self._container = container
        self._shared = shared

    def of(self, network_id: str) -> Kind:
        """Return the kind of a network; an unknown one is the container kind's to refuse."""
        network = self._networks.get(network_id)
        if self._shared and network and network.mode == "shared":
            return self._shared
        return self._container

    def of_deleted(self, network_id: str) -> Kind:
        """Return the kind that deletes a network; an unknown one may have left a router."""
        if self._shared and self._networks.get(network_id) is None:
            return self._shared
        return self.of(network_id)

    async def of_new(self, network: NewNetwork) -> Kind:
        """Return the kind of a network to create.

        Raises:
            PluginError: wgplugin.yaml or an option has errors, or it takes the live edition.
        """
        if await self._mode(network.configuration, network.tunnel) == "container":
            return self._container
        if self._shared is None:
            raise needs_live()
        return self._shared

    async def needs_gateway(self, configuration: str, tunnel: Mapping[str, str]) -> bool:
        """Return whether a network needs a gateway address from Docker's IPAM.

        ``tunnel`` has its options, as in `NewNetwork`. Their errors are left to its creation.
        """
        try:
            return await self._mode(configuration, tunnel) == "shared"
        except PluginError:
            return False

    async def _mode(self, configuration: str, tunnel: Mapping[str, str]) -> Mode:
        settings = await asyncio.to_thread(self._folder.settings)
        return override(settings.tunnel(configuration), tunnel).mode


def tunnel_settings(
    network: Network,
    settings: Settings,
    configuration: str,
    options: Mapping[str, str] | None = None,
) -> TunnelSettings:
    """Return the settings of a tunnel of a network, by a configuration that it may take.

    ``options`` are the container's. The mode is that of the network's creation. In a network with a
    pool, what leads from one configuration to another is the same for all of them.

    Raises:
        PluginError: an option is wrong.
    """
    own = override(settings.tunnel(configuration), network.tunnel, options or {})
    if not network.pool.is_choice:
        return replace(own, mode=network.mode)
    of_pool = pool_settings(network, settings, options)
    return replace(
        own,
        mode=network.mode,
        pick=of_pool.pick,
        failback=of_pool.failback,
        wait=of_pool.wait,
        wait_fail=of_pool.wait_fail,
    )


def pool_settings(
    network: Network, settings: Settings, options: Mapping[str, str] | None = None
) -> TunnelSettings:
    """Return the settings of a network with a pool, without those of any one configuration."""
    return replace(override(settings.defaults, network.tunnel, options or {}), mode=network.mode)


def needs_live() -> PluginError:
    """Return the error for a shared network in the base edition."""
    return PluginError(
        Code.NEEDS_LIVE,
        "wireguard-mode=shared needs the live edition: create the network with --driver "
        "wireguard:live, or leave the mode out for one container alone",
    )
