"""Nothing leaves while tunnels are called, reloaded and disconnected, and networks are added."""

from pathlib import Path

from tests.e2e.commands import wait_until
from tests.e2e.live.leaks import scenarios
from tests.e2e.live.leaks.modes import CONTAINER, SHARED, in_modes
from tests.e2e.live.leaks.scene import Scene

DOCKERD_LOG = Path("/var/log/dockerd.log")


@in_modes(CONTAINER, SHARED)
def test_calls_by_each_of_two_tunnels_are_answered_through_it(scene: Scene) -> None:
    assert scenarios.calls(scene, beside_a_bridge=True) == set()


def test_calls_are_answered_without_another_network(scene: Scene) -> None:
    assert scenarios.calls(scene, beside_a_bridge=False) == set()


@in_modes(CONTAINER, SHARED)
def test_connection_whose_address_is_reloaded_stays_in_the_tunnel(scene: Scene) -> None:
    assert not scenarios.reload(scene)


def test_third_network_is_reached_and_opens_nothing(scene: Scene) -> None:
    assert not scenarios.third_network(scene)


def test_container_stays_closed_until_its_tunnel_is_connected_again(scene: Scene) -> None:
    with scenarios.host_asks_itself():
        left, names, address = scenarios.disconnected(scene)
    assert not left
    assert not names
    assert address == "10.8.114.1"
    if DOCKERD_LOG.exists():
        closed = "(gone): a container that goes on stays closed"
        wait_until(lambda: closed in DOCKERD_LOG.read_text(), "the line in the log")


def test_container_is_open_without_its_tunnel_if_the_network_says_so(scene: Scene) -> None:
    left, _, address = scenarios.disconnected(scene, "wireguard-disconnect=open")
    assert left
    assert address == "10.8.114.1"
