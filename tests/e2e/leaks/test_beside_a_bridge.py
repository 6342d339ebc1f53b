"""A tunnel and an ordinary network on one container: the bridge is for its own subnet alone."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import network
from tests.e2e.leaks.boundary import BYPASSED, PROBES, networks
from tests.e2e.leaks.conftest import NULL_IPAM, UPLINK
from tests.e2e.leaks.probing import Bridge, Suspects

BRIDGES = ("a-bridge-ipv4", "z-bridge-ipv4", "a-bridge-dual", "z-bridge-dual")
DUAL = BRIDGES[2:]


@pytest.fixture(scope="module")
def tunnels(configurations: Configurations) -> Iterator[dict[str, str]]:
    """Networks of full tunnels, of IPv4 alone and of both families."""
    ipv4 = configurations.client("ipv4", "10.8.30.1/32", allowed_ips="0.0.0.0/0")
    both = ("10.8.30.2/32", "fd08:30::2/128")
    dual = configurations.client("dual", *both, allowed_ips="0.0.0.0/0, ::/0")
    with network(ipv4) as ipv4_net, network(dual) as dual_net:
        yield {"ipv4": ipv4_net, "dual": dual_net}


@pytest.mark.parametrize(
    ("tunnel", "bridge"), [("ipv4", name) for name in BRIDGES] + [("dual", name) for name in DUAL]
)
def test_nothing_leaves_by_a_bridge_that_is_there_from_the_start(
    suspects: Suspects,
    tunnels: dict[str, str],
    bridges: dict[str, Bridge],
    tunnel: str,
    bridge: str,
) -> None:
    net = tunnels[tunnel]
    with suspects.on(net, bridge) as suspect:
        suspect.reaches([probe for probe in PROBES if tunnel == "dual" or probe.version == 4])
        assert not suspect.leaks(net, bridges[bridge])


def test_nothing_leaves_by_several_bridges(
    suspects: Suspects, tunnels: dict[str, str], bridges: dict[str, Bridge]
) -> None:
    with suspects.on(*BRIDGES[:2], tunnels["ipv4"], *BRIDGES[2:]) as suspect:
        assert not suspect.leaks(tunnels["ipv4"], *map(bridges.__getitem__, BRIDGES))


def test_bypass_lets_out_its_prefixes_alone(
    suspects: Suspects, configurations: Configurations, bridges: dict[str, Bridge]
) -> None:
    name = configurations.client("bypass", "10.8.30.3/32", allowed_ips="0.0.0.0/0")
    bypass = networks(f"{BYPASSED}/32")
    option = ("--opt", f"wireguard-bypass={bypass[0]}")
    bridge = bridges["a-bridge-dual"]
    with network(name, *NULL_IPAM, *option) as net, suspects.on(net, bridge.name) as suspect:
        assert not suspect.leaks(net, bridge, bypass=bypass)
        frames = suspects.outside.frames[suspect.since :]
    assert any(frame.interface == UPLINK and BYPASSED in (frame.ends or ()) for frame in frames)
