"""What one container of a shared network does, or another network, opens no container."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.docker import docker
from tests.e2e.live.leaks.modes import SHARED, in_modes
from tests.e2e.live.leaks.neighbours import divert
from tests.e2e.live.leaks.scene import WORST, Box, Scene, Tunnel
from tests.e2e.live.leaks.shared.cast import Cast, cast, is_by
from tests.e2e.live.leaks.shared.scenarios import reached_by_peers, reached_on_the_loopback
from tests.e2e.provider import TUNNEL_IPV4, WEB_IPV4

pytestmark = in_modes(SHARED)


@pytest.fixture(scope="module")
def shared(scene: Scene) -> Iterator[Cast]:
    with cast(scene, "company", 122) as shared:
        shared.reaches_the_world()
        yield shared


def test_container_that_restarts_opens_none(shared: Cast) -> None:
    start = shared.mark()
    docker("restart", "--time", "0", shared.beside.name)
    shared.reaches_the_world()
    assert not shared.leaks(start)


def test_container_that_is_disconnected_stays_closed_and_opens_none(shared: Cast) -> None:
    start = shared.mark()
    docker("network", "disconnect", shared.tunnel.net, shared.beside.name)
    assert not shared.leaks(start)
    assert not shared.beside.ask().leaks
    assert not is_by(shared.tunnel, shared.beside)
    assert is_by(shared.tunnel, shared.alone)
    docker("network", "connect", shared.tunnel.net, shared.beside.name)
    shared.reaches_the_world()
    assert not shared.leaks(start)


def test_container_s_router_advertisements_divert_no_other(scene: Scene, shared: Cast) -> None:
    with scene.box(shared.tunnel) as fellow:
        diverted = divert(shared.beside, fellow, shared.tunnel)
        assert not diverted.seen.leaks
        assert not diverted.routes


def test_peers_reach_no_container_of_a_network_that_translates_addresses(
    scene: Scene, shared: Cast
) -> None:
    assert not reached_by_peers(scene, shared)


def test_container_s_loopback_is_out_of_reach_of_others(scene: Scene, shared: Cast) -> None:
    assert not reached_on_the_loopback(scene, shared)


def test_networks_that_come_and_go_open_nothing(scene: Scene) -> None:
    """A full shared network, a split one, and a tunnel of the container's own, beside a bridge."""
    with (
        scene.tunnel("a-full", "10.8.123.1/32", "fd08:123::1/128") as full,
        scene.tunnel("b-split", "10.8.123.2/32", allowed_ips="203.0.113.0/24") as split,
        scene.tunnel("c-own", "100.66.5.1/32", allowed_ips="10.8.0.0/16", shared=False) as own,
        scene.box(scene.bridge, full, beside=(split, own, scene.third), command=WORST) as box,
    ):
        start = box.outside.mark()

        def reaches(web: Tunnel, provider: Tunnel) -> None:
            by = {WEB_IPV4: web.addresses[0], TUNNEL_IPV4: provider.addresses[0]}
            wait_until(lambda: pages(box, *by) == [*by.values()], f"the world by {by}")
            assert not box.goes_on(start)

        reaches(full, full)
        for command, other, web, provider in (
            ("connect", split.net, split, full),
            ("connect", own.net, split, own),
            ("connect", scene.third.name, split, own),
            ("disconnect", split.net, full, own),
            ("disconnect", own.net, full, full),
        ):
            docker("network", command, other, box.name)
            reaches(web, provider)
        docker("network", "disconnect", full.net, box.name)
        assert not box.goes_on(start)


def pages(box: Box, *hosts: str) -> list[str]:
    """Return the addresses by which web servers see a container; "" for one it doesn't reach."""
    page = "timeout 3 wget -q -O - http://{}/ || echo".format
    return [box.run("sh", "-c", f"PATH=/bin; {page(host)}") for host in hosts]
