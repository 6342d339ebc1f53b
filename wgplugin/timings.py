"""All waits and periods of the plugin, in one place. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Waits and periods, in seconds.

    ``call``: the limit for one call of Docker's; Docker itself may wait for ever (moby,
    plugin/manager.go: a fresh client has no timeout).
    ``settling``: from an endpoint's creation until its device must be in a container.
    ``resolver_pause``: the first pause after a temporary failure of the resolver; it doubles.
    ``tick``: between looks at the files; every ``observe_every``th tick looks at the tunnels, too.
    ``set_up``: the longest time that Docker waits for a tunnel to be set up.
    ``device_comes``: the time that Docker has to move a device after a join; ``glance``: between
    looks for it. ``others_come``: the time after that in which Docker's other networks are noticed
    at once; later, they are at the next look.
    ``search_missing``: the pause between searches for a peer without an address, ``search_silent``
    that for a silent one.
    """

    call: float = 25.0
    settling: float = 60.0
    resolver_pause: float = 0.5
    tick: float = 1.0
    observe_every: int = 5
    set_up: float = 10.0
    device_comes: float = 60.0
    glance: float = 0.02
    others_come: float = 10.0
    search_missing: float = 5.0
    search_silent: float = 30.0
