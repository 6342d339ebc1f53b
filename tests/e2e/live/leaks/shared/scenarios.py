"""Scenarios of shared networks: each returns what was seen that mustn't be."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.commands import run, succeeds
from tests.e2e.live.leaks.neighbours import datagrams
from tests.e2e.live.leaks.scenarios import IN_PROVIDER
from tests.e2e.live.leaks.scene import OUTSIDE, ROUTERS, Scene, Tunnel
from tests.e2e.live.leaks.shared.cast import Cast
from tests.e2e.provider import NAMESPACE

LOOPBACK = "127.0.0.1"
PING = ("busybox", "ping", "-c", "1", "-W", "2")


def second_way_out(shared: Cast) -> Counter[str]:
    """Give the router another device, with routes; return what has leaked."""
    start = shared.mark()
    router = shared.tunnel.router
    device = ("type", "veth", "peer", "name", "way-in", "netns")
    run("ip", "link", "add", "way-out", *device, str(ROUTERS / shared.tunnel.network_id()))
    try:
        run("ip", "link", "set", "way-out", "up")
        router("ip", "link", "set", "way-in", "arp", "off", "up")
        for address in OUTSIDE:
            router("ip", "route", "add", address, "dev", "way-in")
        return shared.leaks(start)
    finally:
        run("ip", "link", "del", "way-out")


def reached_by_peers(scene: Scene, shared: Cast) -> list[str]:
    """Return the containers' own addresses that answer peers."""
    own = shared.alone.addresses(shared.tunnel)
    with peers_know_the_subnets(scene, shared.tunnel):
        return [address for address in own if succeeds(*IN_PROVIDER, *PING, address)]


@contextmanager
def peers_know_the_subnets(scene: Scene, tunnel: Tunnel) -> Iterator[None]:
    """The provider sends into the tunnel what is for containers' own addresses."""
    path = scene.configurations.folder / f"{tunnel.configuration}.conf"
    key = run("wg", "pubkey", stdin=path.read_text().partition("PrivateKey = ")[2].split()[0])
    subnets = tuple(map(str, tunnel.subnets))
    scene.configurations.provider.admit(key, *tunnel.addresses, *subnets)
    for subnet in subnets:
        run("ip", "-n", NAMESPACE, "route", "add", subnet, "dev", "wg0")
    yield
    for subnet in subnets:
        run("ip", "-n", NAMESPACE, "route", "del", subnet, "dev", "wg0")


def reached_on_the_loopback(scene: Scene, shared: Cast) -> str:
    """Return what a container's loopback got from another container of the network."""
    box = shared.alone
    with scene.box(shared.tunnel) as other:
        peer = other.address(shared.tunnel, 4)
        return datagrams(box, other, box.mac(shared.tunnel), peer, LOOPBACK)
