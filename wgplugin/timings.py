"""How long the plugin waits for others, in one place. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Waits and periods, in seconds.

    ``call``: a call of Docker's is given up after that; Docker itself may wait for ever (moby,
    plugin/manager.go: a fresh client has no timeout).
    ``settling``: from an endpoint's creation until its device must be in a container.
    ``parsed_kept``: how long a file that CreateEndpoint parsed waits for Join.
    ``resolver_pause``: the first pause of a resolver that has a temporary failure; it doubles.
    ``tick``: between looks at the files; ``observe_every`` is how many of them pass between looks
    at a tunnel.
    ``set_up``: how long Docker is kept waiting at most for a tunnel to be set up.
    ``device_comes``: how long Docker has to move a device after a join; ``glance`` is the pause
    between looks for it.
    """

    call: float = 25.0
    settling: float = 60.0
    parsed_kept: float = 10.0
    resolver_pause: float = 0.5
    tick: float = 1.0
    observe_every: int = 5
    set_up: float = 10.0
    device_comes: float = 60.0
    glance: float = 0.02
