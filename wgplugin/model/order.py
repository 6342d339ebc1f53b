"""The order of several tunnels in one container. Pure.

The longest prefix wins, as they share a table. This order decides where two tunnels have the same
prefix (two full tunnels, say), and which tunnel's DNS server is asked for a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import Prefix, full_families


def arrange(plans: Iterable[Plan]) -> tuple[Plan, ...]:
    """Return the plans of a container's tunnels with their ``place`` and ``all_names``, in order.

    Names are asked of the first full tunnel with a DNS server, or else of the first tunnel with
    one; those of another tunnel's search domains, of that tunnel's server.
    """
    plans = tuple(plans)
    if len(plans) == 1:
        # The common case: its prefixes, maybe thousands, needn't be looked at.
        return (replace(plans[0], place=0, all_names=True),)
    ordered = sorted(plans, key=lambda plan: (-plan.priority, plan.configuration, plan.device))
    asked = [plan.device for plan in sorted(ordered, key=_is_partial) if plan.dns][:1]
    before: dict[Prefix, int] = {}
    arranged = []
    for plan in ordered:
        place = max((before[net] for net in plan.inside if net in before), default=0)
        before |= dict.fromkeys(plan.inside, place + 1)
        arranged.append(replace(plan, place=place, all_names=plan.device in asked or not plan.dns))
    return tuple(arranged)


def _is_partial(plan: Plan) -> bool:
    return 4 not in full_families(plan.inside)
