"""A warning for a container whose ports the tunnel's network doesn't publish. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wgplugin.codes import Code


def port_warnings(published: Sequence[str]) -> tuple[str, ...]:
    """Return the warning about a container's published ports; none if it has no such port.

    ``published`` is as in `NewEndpoint`. Docker sends the ports also if a network that it attaches
    later publishes them, so the warning is true of both cases.
    """
    if not published:
        return ()
    message = (
        f"this network doesn't publish {', '.join(published)}: the container needs a bridge as its "
        "second network for that, unless it has one: docker network connect BRIDGE CONTAINER, or "
        "in Compose networks: [default, NETWORK]; docs/web-app.md has the whole setup"
    )
    return (f"{message} [{Code.PORTS_NOT_PUBLISHED}]",)
