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
    ``still``: the time that an edited file must stay the same, as an editor may be half done.
    ``tick``: between looks at the files, where the kernel gives no notice of edits.
    ``set_up``: the longest time that Docker waits for a tunnel to be set up.
    ``device_late``: the time after a join at which a device that Docker hasn't moved is late.
    ``round``: between rounds of looks at the tunnels whose turn it is.
    ``observe``: between looks at a tunnel; ``observe_soon``: that for a tunnel that was configured
    less than ``young`` ago, or whose peers are looked for.
    ``retry_first``, ``retry_longest``: the first and the longest pause before another attempt.
    ``notice_pause``, ``notice_longest``: the same for looks after the kernel's notices.
    ``router_delay``: from a notice of a change in a router, or on the host while it publishes
    ports, until it is looked at.
    ``glance``: between looks at which containers are there.
    ``status``: the limit for the answer of a tunnel that somebody asks about.
    ``search_missing``: the pause between searches for a peer without an address. ``try_next``: the
    time that a silent peer has to answer at one of its addresses, three of WireGuard's attempts
    (REKEY_TIMEOUT). ``search_silent``: the least pause between looking up its name twice.
    ``observe_pool``: between looks at a quiet tunnel whose network has a pool.
    ``answer``: the time that a peer has to answer before a tunnel goes back to it.
    ``down_never``: the time that a peer has to answer for the first time, from the first packet to
    it. ``down_after``: the same for one that has answered before.
    ``probe_period``: between probes of a tunnel. ``probe_answer``: the time that one has.
    ``rest_first``, ``rest_longest``: the first and the longest time that a configuration of a pool
    isn't switched to after it has failed. ``proven``: the time that it must work until its next
    rest is the first again.
    ``wait``: between looks at a tunnel whose handshake somebody waits for.
    """

    call: float = 25.0
    settling: float = 60.0
    resolver_pause: float = 0.5
    still: float = 0.3
    tick: float = 1.0
    set_up: float = 15.0
    device_late: float = 60.0
    round: float = 1.0
    observe: float = 30.0
    observe_soon: float = 5.0
    young: float = 60.0
    retry_first: float = 1.0
    retry_longest: float = 60.0
    notice_pause: float = 0.01
    notice_longest: float = 1.0
    router_delay: float = 0.1
    glance: float = 0.02
    status: float = 5.0
    search_missing: float = 5.0
    try_next: float = 15.0
    search_silent: float = 30.0
    observe_pool: float = 10.0
    answer: float = 6.0
    down_never: float = 15.0
    down_after: float = 20.0
    probe_period: float = 10.0
    probe_answer: float = 5.0
    rest_first: float = 60.0
    rest_longest: float = 3600.0
    proven: float = 300.0
    wait: float = 0.25
