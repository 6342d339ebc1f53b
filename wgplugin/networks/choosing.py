"""A container's start in a network with a pool: its configurations are tried one by one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wgplugin.codes import Code
from wgplugin.errors import PluginError, first_mistake
from wgplugin.model.configuration import TunnelSettings
from wgplugin.model.pool import Pool
from wgplugin.networks.claims import Endpoints
from wgplugin.networks.pools import Pools
from wgplugin.state.records import Network

log = logging.getLogger(__name__)

SHOWN = 10
"""The most configurations that a text names."""

# The next configuration would have these, too.
_OF_ALL = (
    Code.UNKNOWN_NETWORK,
    Code.PORT_TAKEN,
    Code.NOT_PUBLISHED,
    Code.NO_WIREGUARD,
    Code.NOT_PERMITTED,
    Code.TOO_MANY_NAMESPACES,
    Code.STATE_NOT_WRITTEN,
)
_CURES = {
    Code.POOL_USED_UP: "stop a container, or add a file with a key of its own",
    Code.NO_HANDSHAKE: "check the peers' Endpoints and keys, and that UDP to them isn't blocked",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn of a configuration to become a container's.

    ``why``: why it is the one, for the user. ``is_last``: whether no other follows. ``is_only``:
    whether the network has no pool. ``asks``: whether its peers must answer, where
    ``wireguard-wait`` says so.
    """

    configuration: str
    why: str = ""
    is_last: bool = True
    is_only: bool = False
    asks: bool = True


class Choosing:
    """Chooses from pools for containers with tunnels of their own."""

    def __init__(self, endpoints: Endpoints, pools: Pools) -> None:
        self._endpoints = endpoints
        self._pools = pools

    async def first(
        self,
        network: Network,
        endpoint_id: str,
        tunnel: TunnelSettings,
        attempt: Callable[[Turn], Awaitable[T]],
    ) -> T:
        """Return what ``attempt`` returns for the first configuration that can be had.

        A failed attempt must leave nothing. ``tunnel`` has the settings of the network. If some
        didn't answer, and ``wireguard-wait-fail`` is start, the first of them is taken.

        Raises:
            PluginError: none can be had; or an attempt's error that all of them would have.
        """
        names = await self._pools.candidates(network, tunnel)
        if not names:
            raise await self._pools.no_match(network.pool)
        await self._endpoints.free(names, endpoint_id)
        outcomes = _Outcomes(names)
        for name in names:
            if holder := self._endpoints.holder(name, endpoint_id, network.id):
                outcomes.used[name] = f"endpoint {holder.id:.12}"
        free = [name for name in names if name not in outcomes.used]
        for number, name in enumerate(free, 1):
            why = outcomes.why(name) or _first(network, tunnel)
            try:
                return await attempt(Turn(name, why, is_last=number == len(free)))
            except PluginError as error:
                await self._note(network, outcomes, name, error)
        if outcomes.silent and tunnel.wait_fail == "start":
            first, *_ = outcomes.silent
            log.warning("no peer of the pool answers; the container starts by %s", first)
            return await attempt(Turn(first, "none of the pool answers", asks=False))
        raise outcomes.error(network.pool)

    async def _note(
        self, network: Network, outcomes: _Outcomes, name: str, error: PluginError
    ) -> None:
        if error.code in _OF_ALL:
            raise error
        if error.code is Code.NO_HANDSHAKE:
            outcomes.silent[name] = error
            log.warning("%s; the next one of the pool is tried [%s]", error.message, error.code)
            await self._pools.note_outcome(network.id, name, worked=False)
        elif error.code is Code.IN_USE:
            outcomes.used[name] = "another container, which starts at the same time"
        else:
            outcomes.left_out[name] = error
            text = first_mistake(error)
            log.warning("%s is left out of the pool: %s [%s]", name, text, Code.LEFT_OUT)


@dataclass
class _Outcomes:
    """Why configurations of a pool can't be had, by name: who uses one, or an error."""

    names: Sequence[str]
    used: dict[str, str] = field(default_factory=dict)
    silent: dict[str, PluginError] = field(default_factory=dict)
    left_out: dict[str, PluginError] = field(default_factory=dict)

    def why(self, name: str) -> str:
        """Return why one's turn comes after those before it; empty for the first one."""
        texts: Mapping[str, str] = (
            dict.fromkeys(self.used, "is in use")
            | dict.fromkeys(self.silent, "doesn't answer")
            | dict.fromkeys(self.left_out, "is left out")
        )
        before = self.names[: self.names.index(name)]
        return _listed([f"{each} {texts[each]}" for each in before])

    def error(self, pool: Pool) -> PluginError:
        """Return the error that none of a pool can be had."""
        left_out = [f"{each} ({first_mistake(error)})" for each, error in self.left_out.items()]
        groups = {
            "in use are": [f"{each} by {holder}" for each, holder in self.used.items()],
            "no answer from": [*self.silent],
            "left out are": left_out,
        }
        told = "; ".join(f"{title} {_listed(texts)}" for title, texts in groups.items() if texts)
        if self.silent:
            code = Code.NO_HANDSHAKE
        elif self.used:
            code = Code.POOL_USED_UP
        else:
            code = next(iter(self.left_out.values())).code
        cure = _CURES.get(code, "correct the files")
        return PluginError(code, f"the pool {pool} has no configuration for it: {told}; {cure}")


def _first(network: Network, tunnel: TunnelSettings) -> str:
    if tunnel.pick == "rotate":
        return "least recently used of the pool"
    return "first of the pool" + (" that worked at its last use" if network.failed else "")


def _listed(texts: Sequence[str]) -> str:
    more = [f"{len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return ", ".join([*texts[:SHOWN], *more])
