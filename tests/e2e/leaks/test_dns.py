"""Where Docker asks for a container's names: from the host, past the tunnel, or in the tunnel."""

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import network
from tests.e2e.leaks.conftest import LAN_RESOLVER, LOOPBACK_RESOLVER, host_resolver
from tests.e2e.leaks.probing import IN_TUNNEL_DNS, Bridge, Suspects

BRIDGE = "a-bridge-ipv4"
SERVERS = pytest.mark.parametrize("server", [LAN_RESOLVER, LOOPBACK_RESOLVER])


def leaks(
    suspects: Suspects,
    configurations: Configurations,
    server: str,
    *bridges: Bridge,
    options: tuple[str, ...] = (),
) -> bool:
    """Tell whether anything leaves by another way than the tunnel if the host asks a server."""
    name = configurations.client("names", "10.8.50.1/32", allowed_ips="0.0.0.0/0")
    networks = [bridge.name for bridge in bridges]
    with (
        host_resolver(server),
        network(name) as net,
        suspects.on(net, *networks, options=options) as suspect,
    ):
        return bool(suspect.leaks(net, *bridges))


@SERVERS
def test_names_leave_with_the_tunnel_alone_only_by_a_loopback_server_before_docker_26(
    suspects: Suspects, configurations: Configurations, release: tuple[int, ...], server: str
) -> None:
    expected = server == LOOPBACK_RESOLVER and release < (26,)
    assert leaks(suspects, configurations, server) == expected


@SERVERS
def test_names_leave_beside_a_bridge_by_a_loopback_server_and_from_docker_28_on_by_any(
    suspects: Suspects,
    configurations: Configurations,
    bridges: dict[str, Bridge],
    release: tuple[int, ...],
    server: str,
) -> None:
    expected = server == LOOPBACK_RESOLVER or release >= (28,)
    assert leaks(suspects, configurations, server, bridges[BRIDGE]) == expected


def test_names_stay_in_the_tunnel_with_a_server_of_the_containers_own(
    suspects: Suspects, configurations: Configurations, bridges: dict[str, Bridge]
) -> None:
    server, bridge = LOOPBACK_RESOLVER, bridges[BRIDGE]
    assert not leaks(suspects, configurations, server, bridge, options=IN_TUNNEL_DNS)
