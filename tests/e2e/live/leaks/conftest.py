"""A scene for each module, with the plugin under test; bridges and a capture for all of them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.commands import run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import LIVE
from tests.e2e.lasting import configurations
from tests.e2e.leaks.boundary import is_wireguard
from tests.e2e.leaks.capture import Capture
from tests.e2e.leaks.probing import Bridge
from tests.e2e.live.leaks.modes import CONTAINER, SHARED
from tests.e2e.live.leaks.scene import OUTSIDE, Scene, bridge
from tests.e2e.provider import NAMESPACE, Provider

__all__ = ["configurations"]

# The base edition makes no promise here, and needs no fixtures.
collect_ignore_glob = [] if LIVE else ["*test_*.py"]

UPLINK = "e2e-world"
# Addresses of tunnels that no other tunnel's AllowedIPs have: Docker before 28 refuses those.
# The provider's own address there; with it comes the route, again whenever the device is set up.
APART = "100.66.0.1/16"


@pytest.fixture(scope="package")
def outside(provider: Provider) -> Iterator[Capture]:
    """All frames in the host's namespace, and a place where leaks go."""
    run("ip", "link", "add", UPLINK, "type", "dummy")
    try:
        run("ip", "link", "set", UPLINK, "up")
        run("ip", "address", "add", "198.18.78.1/24", "dev", UPLINK)
        run("ip", "address", "add", "2001:db8:78::1/64", "dev", UPLINK, "nodad")
        for address in OUTSIDE:
            run("ip", "route", "add", address, "dev", UPLINK)
        with Capture(is_ignored=is_wireguard) as capture:
            yield capture
    finally:
        run("ip", "link", "del", UPLINK)


@pytest.fixture(scope="package")
def apart(provider: Provider) -> None:
    """Let the provider send to tunnels' addresses in `APART`."""
    run("ip", "-n", NAMESPACE, "address", "replace", APART, "dev", "wg0")


@pytest.fixture(scope="package")
def bridges(outside: Capture) -> Iterator[tuple[Bridge, Bridge]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(bridge("b-first", "100.64.111.0/24", "2001:db8:64:11::/64")),
            stack.enter_context(bridge("b-third", "100.64.112.0/24", "2001:db8:64:12::/64")),
        )


@pytest.fixture(scope="module")
def scene(
    request: pytest.FixtureRequest,
    configurations: Configurations,
    plugin: str,
    outside: Capture,
    bridges: tuple[Bridge, Bridge],
    apart: None,
) -> Scene:
    """Where scenarios happen, with the plugin under test; its parameter is the mode of networks."""
    mode = getattr(request, "param", CONTAINER)
    return Scene(configurations, plugin, outside, *bridges, shared=mode == SHARED)
