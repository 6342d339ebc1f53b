"""Docker's resolver forwards no name from the host, and still finds containers."""

from tests.e2e.live.leaks import scenarios
from tests.e2e.live.leaks.neighbours import neighbour
from tests.e2e.live.leaks.scene import Scene, full_tunnel_and_bridge


def test_resolver_is_asked_for_containers_alone(scene: Scene) -> None:
    with (
        scenarios.host_asks_itself(),
        neighbour(scene) as other,
        full_tunnel_and_bridge(scene, "names") as (_, box),
    ):
        assert not scenarios.forwarded_names(scene, box)
        found = box.run("nslookup", "-type=a", "neighbour")
        assert other.address(scene.bridge, 4) in found
