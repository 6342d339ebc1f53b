"""Switches a tunnel that is down to another configuration of its network's pool (live edition)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from wgplugin.codes import Code
from wgplugin.conf.folder import Files
from wgplugin.errors import PluginError, first_mistake
from wgplugin.model.attachment import device_config
from wgplugin.model.backends import HostKernel
from wgplugin.model.identity import device_name
from wgplugin.networks.conditions import Condition, Conditions
from wgplugin.networks.health import Health
from wgplugin.networks.pools import Pools
from wgplugin.networks.rests import Rests
from wgplugin.networks.services import Services
from wgplugin.networks.uplink import Uplink
from wgplugin.state.records import Network

log = logging.getLogger(__name__)

BY_HAND = "by hand"


class Switchable(Protocol):
    """A tunnel that may get another configuration: a container's own, or that of a router."""

    uplink: Uplink
    conditions: Conditions

    @property
    def id(self) -> str:
        """Its endpoint's id, or that of a shared network."""

    @property
    def network_id(self) -> str:
        """The id of its network."""

    @property
    def configuration(self) -> str:
        """The name of its configuration."""

    @property
    def why(self) -> str:
        """Why it has this configuration, for the user."""

    @property
    def error(self) -> str:
        """What is wrong; empty if nothing is."""

    def check(self, configuration: str, files: Files) -> None:
        """Check that it can be switched to a configuration with these files; PluginError if not."""

    def is_free(self, configuration: str) -> bool:
        """Return whether nobody else has a configuration."""

    async def switch(self, configuration: str, files: Files, why: str) -> None:
        """Claim a configuration, and take it in the place of the present one.

        Raises:
            PluginError: it can't be had; nothing has changed.
        """

    async def answers(
        self, configuration: str, files: Files, ask: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Return what ``ask`` returns while a configuration is kept for this tunnel.

        Raises:
            PluginError: somebody else has it.
        """


Work = Callable[[Switchable], Awaitable[None]]


class Failover:
    """Decides by the looks at tunnels; each tunnel has one piece of work at a time."""

    def __init__(self, services: Services, pools: Pools, host: HostKernel) -> None:
        """Use these parts of the plugin; ``host`` tries whether a peer answers."""
        self._services = services
        self._pools = pools
        self._host = host
        self._rests: dict[str, Rests] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, object] = {}
        """The failure of each tunnel that was noted last."""
        self._up: dict[str, tuple[str, float]] = {}
        """The configuration by which each tunnel is up, and since when."""
        self._tried: dict[str, float] = {}
        """When each tunnel was last tried to go back."""

    def see(self, tunnel: Switchable) -> None:
        """Take note of a look at a tunnel, and begin what follows from it."""
        if not tunnel.uplink.pool:
            return
        present = self._work.get(tunnel.id)
        if present and not present.done():
            return
        if tunnel.uplink.trouble:
            self._up.pop(tunnel.id, None)
            self._begin(tunnel, self._leave)
        elif tunnel.uplink.health is Health.UP:
            tunnel.conditions.note(Condition.POOL)
            if self._is_first_up(tunnel):
                self._begin(tunnel, self._note_worked)
            elif self._may_go_back(tunnel):
                self._begin(tunnel, self._go_back)

    def forget(self, tunnel_id: str) -> None:
        """Take note that a tunnel is gone."""
        if task := self._work.pop(tunnel_id, None):
            task.cancel()
        for notes in (self._failed, self._up, self._tried):
            notes.pop(tunnel_id, None)

    def close(self) -> None:
        """Begin nothing more."""
        for task in self._work.values():
            task.cancel()

    async def switch(self, tunnel: Switchable, configuration: str) -> str:
        """Switch a tunnel by hand, and return the name of its configuration then.

        ``configuration``: empty for the next one that is free. It returns once the device has it.

        Raises:
            PluginError: the tunnel has no pool, or the configuration isn't in it, or can't be had.
        """
        network = self._network(tunnel)
        if not tunnel.uplink.pool or network is None:
            raise PluginError(
                Code.NO_POOL,
                f"the network has no other configuration than {tunnel.configuration}; create it "
                "with several: --opt wireguard-config=NAME,NAME, or a pattern",
            )
        if configuration:
            await self._expect_in_pool(network, configuration)
            await self._take(tunnel, configuration, BY_HAND)
        else:
            await self._take_next(tunnel, BY_HAND, rested_alone=False)
        try:
            async with asyncio.timeout(self._services.timings.set_up):
                await tunnel.uplink.applied()
        except TimeoutError:
            message = f"{tunnel.configuration} isn't set up yet: {tunnel.error}"
            raise PluginError(Code.NOT_SET_UP, message) from None
        return tunnel.configuration

    async def _expect_in_pool(self, network: Network, configuration: str) -> None:
        matched = await self._pools.matched(network)
        if configuration not in matched:
            has = ", ".join(matched) or "none"
            message = f"the pool {network.pool} has no {configuration}; there are: {has}"
            raise PluginError(Code.NO_MATCH, message)

    async def _leave(self, tunnel: Switchable) -> None:
        """Switch a tunnel that is down, if another configuration can be had."""
        name, trouble = tunnel.configuration, tunnel.uplink.trouble
        failure = (name, tunnel.why)
        if self._failed.get(tunnel.id) != failure:
            self._failed[tunnel.id] = failure
            self._rests_of(tunnel).fail(name, self._now())
            await self._pools.note_outcome(tunnel.network_id, name, worked=False)
        try:
            await self._take_next(tunnel, f"{name} is down: {trouble}", rested_alone=True)
        except PluginError as error:
            tunnel.conditions.note(
                Condition.POOL, f"down: {trouble}; {error.message} [{Code.TUNNEL_DOWN}]"
            )

    async def _take_next(self, tunnel: Switchable, why: str, *, rested_alone: bool) -> None:
        """Switch to the first configuration that can be had; those that rest come last, if at all.

        Raises:
            PluginError: there is none.
        """
        network, settings = self._network(tunnel), tunnel.uplink.settings
        names = await self._pools.candidates(network, settings) if network and settings else ()
        rests, now = self._rests_of(tunnel), self._now()
        reasons: list[str] = []
        others = [name for name in names if name != tunnel.configuration]
        for name in sorted(others, key=lambda each: rests.is_resting(each, now)):
            if not tunnel.is_free(name):
                reasons.append(f"{name} is in use")
            elif rested_alone and rests.is_resting(name, now):
                reasons.append(f"{name} rests, as it was down, too")
            else:
                try:
                    await self._take(tunnel, name, why)
                except PluginError as error:
                    reasons.append(f"{name}: {first_mistake(error)}")
                else:
                    return
        told = "; ".join(reasons) or "there is no other"
        message = f"no other configuration of the pool {tunnel.uplink.pool} can be had: {told}"
        raise PluginError(Code.POOL_USED_UP, message)

    async def _take(self, tunnel: Switchable, name: str, why: str) -> None:
        before = tunnel.configuration
        if name == before:
            return
        files = await self._services.folder.read(name)
        tunnel.check(name, files)
        if tunnel.configuration != before:
            message = f"it was switched to {tunnel.configuration} meanwhile"
            raise PluginError(Code.IN_USE, message)
        await tunnel.switch(name, files, why)
        log.info("%s: switched from %s: %s", tunnel, before, why)
        self._tried[tunnel.id] = self._now()
        await self._pools.note_use(tunnel.network_id, name)

    def _is_first_up(self, tunnel: Switchable) -> bool:
        """Return whether a tunnel is up by its configuration for the first time."""
        name, now = tunnel.configuration, self._now()
        known, since = self._up.get(tunnel.id, ("", now))
        if known != name:
            self._up[tunnel.id] = name, now
        elif now - since >= self._services.timings.proven:
            self._rests_of(tunnel).prove(name)
        return known != name

    async def _note_worked(self, tunnel: Switchable) -> None:
        self._failed.pop(tunnel.id, None)
        await self._pools.note_outcome(tunnel.network_id, tunnel.configuration, worked=True)

    def _may_go_back(self, tunnel: Switchable) -> bool:
        settings, now = tunnel.uplink.settings, self._now()
        if not settings or not settings.failback or settings.pick == "rotate":
            return False
        tried = self._tried.setdefault(tunnel.id, now)
        return now - tried >= settings.failback and tunnel.why != BY_HAND

    async def _go_back(self, tunnel: Switchable) -> None:
        """Switch to a configuration that is before the present one in the pool, if it answers."""
        self._tried[tunnel.id] = self._now()
        network = self._network(tunnel)
        names = await self._pools.matched(network) if network else ()
        before = names[: names.index(tunnel.configuration)] if tunnel.configuration in names else ()
        for name in before:
            if self._rests_of(tunnel).is_resting(name, self._now()) or not tunnel.is_free(name):
                continue
            try:
                if await self._answers(tunnel, name):
                    await self._take(tunnel, name, f"{name} answers again")
                    return
            except PluginError as error:
                log.debug("%s: can't go back to %s: %s", tunnel, name, error)

    async def _answers(self, tunnel: Switchable, name: str) -> bool:
        services, timings = self._services, self._services.timings
        files = await services.folder.read(name)
        tunnel.check(name, files)
        timeout = files.settings.resolve_timeout
        found = await services.peers.locate(tunnel.network_id, files.config, timeout)
        device = device_config(files.config, found.addresses)
        trial = device_name(f"{tunnel.id} goes back")

        async def ask() -> bool:
            return await self._host.answers(trial, device, timings.answer)

        return await tunnel.answers(name, files, ask)

    def _begin(self, tunnel: Switchable, work: Work) -> None:
        self._work[tunnel.id] = asyncio.create_task(self._guarded(tunnel, work))

    async def _guarded(self, tunnel: Switchable, work: Work) -> None:
        try:
            await work(tunnel)
        except Exception:
            log.exception("%s: the switch failed unexpectedly [%s]", tunnel, Code.FAILED)

    def _network(self, tunnel: Switchable) -> Network | None:
        return self._services.networks.get(tunnel.network_id)

    def _rests_of(self, tunnel: Switchable) -> Rests:
        timings = self._services.timings
        fresh = Rests(timings.rest_first, timings.rest_longest)
        return self._rests.setdefault(tunnel.network_id, fresh)

    def _now(self) -> float:
        return self._services.clock.monotonic()
