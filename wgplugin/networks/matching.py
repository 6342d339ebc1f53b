"""The check of a new network's configuration, or of all that its pool matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wgplugin.codes import Code
from wgplugin.errors import PluginError, first_mistake
from wgplugin.model.device import Key, clamped
from wgplugin.networks.pools import Pools
from wgplugin.state.records import Network

_SHOWN = 10
"""The most errors that a message has."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration that a network can have: its private key, and warnings for the log."""

    private_key: Key
    warnings: tuple[str, ...]


async def check(
    network: Network, pools: Pools, check_one: Callable[[str], Awaitable[Checked]]
) -> list[str]:
    """Check the configurations of a new network, and return the warnings for the log.

    ``check_one`` checks one by its name. Of a pool, those that can't be had are left out with a
    warning.

    Raises:
        PluginError: the configuration can't be had, or none of the pool.
    """
    if not network.pool.is_choice:
        return [*(await check_one(network.configuration)).warnings]
    names = await pools.matched(network)
    if not names:
        raise await pools.no_match(network.pool)
    found: dict[str, Checked] = {}
    errors: dict[str, PluginError] = {}
    for name in names:
        try:
            found[name] = await check_one(name)
        except PluginError as error:
            errors[name] = error
    left_out = [f"{name} is left out: {first_mistake(error)}" for name, error in errors.items()]
    if not found:
        first, *_ = errors.values()
        told = "; ".join(left_out[:_SHOWN])
        message = f"the pool {network.pool} has no configuration that can be used: {told}"
        raise PluginError(first.code, message)
    missing = [name for name in network.pool.named if name not in names]
    return [
        *(f"there is no {name}.conf for the pool yet [{Code.NO_MATCH}]" for name in missing),
        *(f"{text} [{Code.LEFT_OUT}]" for text in left_out),
        *_same_keys(found),
        *(warning for each in found.values() for warning in each.warnings),
    ]


def _same_keys(found: dict[str, Checked]) -> list[str]:
    users: defaultdict[Key, list[str]] = defaultdict(list)
    for name, checked in found.items():
        users[clamped(checked.private_key)].append(f"{name}.conf")
    return [
        f"{', '.join(names[:-1])} and {names[-1]} have one private key, so they can't be used at "
        f"once; give each file a key of its own [{Code.SAME_KEY}]"
        for names in users.values()
        if len(names) > 1
    ]
