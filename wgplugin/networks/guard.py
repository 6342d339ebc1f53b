"""A tunnel's nftables in its container, and whether they are as they should be."""

from __future__ import annotations

from dataclasses import replace

from wgplugin.errors import PluginError
from wgplugin.model.backends import Container
from wgplugin.model.namespace import OtherNetwork, Plan
from wgplugin.networks.conditions import Condition, Conditions

NOT_GUARDED = "neither DNS, replies past the tunnel nor bound sockets are taken care of"


class Guard:
    """Installs a tunnel's nftables only if they aren't there; a failure is noted, not raised."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._there: tuple[Container, Plan, frozenset[OtherNetwork]] | None = None

    @property
    def others(self) -> frozenset[OtherNetwork] | None:
        """The other networks that the nftables know; None unless they stand."""
        return self._there[2] if self._there else None

    @property
    def stands(self) -> bool:
        """Whether the nftables were installed, and nobody is known to have changed them."""
        return self._there is not None

    def fall(self) -> None:
        """Take note that somebody has changed the nftables."""
        self._there = None

    async def stand(
        self, container: Container, plan: Plan, others: frozenset[OtherNetwork]
    ) -> None:
        """Have nftables for a plan and the container's other networks."""
        plan = replace(plan, mtu=None)
        wanted = container, plan, others
        if self._there == wanted:
            return
        self._there, lacking = None, ""
        try:
            await container.apply_firewall(plan, others)
            self._there = wanted
        except PluginError as error:
            lacking = f"{NOT_GUARDED}: {error}"
        self._conditions.note(Condition.FIREWALL, lacking)
