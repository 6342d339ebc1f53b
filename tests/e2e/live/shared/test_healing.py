"""What fails or is changed by hand, in the router or in a container, is put right."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.e2e.commands import run, succeeds, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker
from tests.e2e.lasting import configurations
from tests.e2e.live.conftest import tunnel, wait_for
from tests.e2e.live.shared.conftest import EVERYTHING, shared, subnets
from tests.e2e.live.test_healing import routing, tables
from tests.e2e.provider import WEB_IPV4, WEB_IPV6
from tests.e2e.routers import Router

__all__ = ["configurations"]

NAME = "healed"
ADDRESSES = ("10.8.150.1", "fd08:150::1")


OTHER = "172.28.150.99"
PORTS = "for port in $(ip -o link show master br0 | cut -d' ' -f2 | cut -d@ -f1)"


@dataclass(frozen=True)
class Scene:
    """A router with two containers."""

    router: Router
    box: Container
    other: Container

    def has_everything(self) -> bool:
        """Tell whether a container has the tunnel, in both families, and the other container.

        The latter not by its name: that takes Docker's own nftables, which nobody puts right.
        """
        get = "timeout 3 wget -q -O /dev/null http://"
        wanted = f"{get}{WEB_IPV4}/ && {get}[{WEB_IPV6}]/ && ping -c 1 -W 2 {OTHER}"
        return succeeds("docker", "exec", self.box.name, "/busybox", "sh", "-c", wanted)


@pytest.fixture(scope="module")
def scene(configurations: Configurations) -> Iterator[Scene]:
    configurations.client(NAME, *ADDRESSES, allowed_ips=EVERYTHING)
    ipam = subnets("172.28.150.0/24", "fd77:150::/64")
    with (
        shared(NAME, *ipam) as net,
        container(net) as box,
        container(net, "--ip", OTHER) as other,
    ):
        scene = Scene(Router(net), box, other)
        wait_until(scene.has_everything, "the tunnel and the other container")
        yield scene


def present(router: Router) -> dict[str, object]:
    """Return what a router has of links, addresses, routes, nftables and peers.

    What the kernel has of its own isn't in it: a link made anew may have other numbers.
    """
    addresses = router.run("ip", "-brief", "address").replace("@", " ").splitlines()
    words = [line.split() for line in addresses]
    own = [each for line in words for each in line[2:] if not each.startswith("fe80::")]
    routes = [router.run("ip", version, "route") for version in ("-4", "-6")]
    lines = [line.strip() for text in routes for line in text.splitlines()]
    return {
        "addresses": sorted(each for each in own if "/" in each),
        "next hop": "fe80::99/64" in router.run("ip", "address", "show", "br0"),
        "routes": sorted(line for line in lines if "proto kernel" not in line),
        "ports": router.ports(),
        "peers": router.run("wg", "show", "wg0", "allowed-ips").split()[1:],
        "nftables": router.run("nft", "--stateless", "list", "ruleset"),
        "mtu": {link: router.mtu(link) for link in router.links()},
    }


@pytest.mark.parametrize(
    "command",
    [
        "ip link set wg0 down",
        "ip link set wg0 down; sleep 0.1; ip link set wg0 up",
        "ip link del wg0",
        "ip link set br0 down",
        "ip link del br0",
        f"{PORTS}; do ip link set $port nomaster; done",
        f"{PORTS}; do ip link set $port down; done",
        "ip address flush dev br0; ip address flush dev wg0",
        "ip route flush dev wg0; ip -6 route flush dev wg0; ip link set wg0 mtu 1300",
        "nft flush ruleset",
        "wg set wg0 peer $(wg show wg0 peers) remove",
    ],
)
def test_router_is_put_right(scene: Scene, command: str) -> None:
    before, identity = present(scene.router), scene.router.identity()
    scene.router.run("sh", "-c", command)
    with suppress(AssertionError):
        wait_until(lambda: came_back(scene.router, before), "what was there before")
    assert present(scene.router) == before
    assert scene.router.identity() == identity
    wait_until(scene.has_everything, "the tunnel and the other container")
    wait_until(lambda: not tunnel(NAME)["error"], "the end of an error")


def came_back(router: Router, before: dict[str, object]) -> bool:
    """Tell whether a router has again what it had, though it may be without some of it as yet."""
    try:
        return present(router) == before
    except AssertionError:
        return False


@pytest.mark.parametrize(
    "command",
    [
        "nft flush ruleset",
        "ip link set eth0 down; sleep 0.1; ip link set eth0 up",
        "ip route flush table 51820; ip -6 route flush table 51820; ip rule del priority 5182",
        "ip address flush dev eth0",
        "ip link set eth0 mtu 1500; ip link set eth0 down",
    ],
)
def test_container_is_put_right(scene: Scene, command: str) -> None:
    def now() -> tuple[object, ...]:
        mtu = re.findall(r" mtu (\d+) ", scene.box.run("ip", "link", "show", "eth0"))
        return routing(scene.box, "eth0"), tables(scene.box), mtu

    before = now()
    scene.box.in_namespace("sh", "-c", command)
    with suppress(AssertionError):
        wait_until(lambda: now() == before, "what was there before")
    assert now() == before
    wait_until(scene.has_everything, "the tunnel and the other container")
    wait_until(lambda: not any(errors(NAME)), "the end of an error")


def errors(name: str) -> list[str]:
    return [each["error"] for each in tunnel(name)["containers"]]


def test_pin_that_is_taken_away_comes_back_with_the_same_router(scene: Scene) -> None:
    identity = scene.router.identity()
    run("umount", "--lazy", str(scene.router.pin))
    wait_until(lambda: is_pinned(scene.router, identity), "the pin")
    assert scene.has_everything()


def is_pinned(router: Router, identity: int) -> bool:
    return router.pin.exists() and router.identity() == identity


def test_port_deleted_by_hand_is_reported_and_comes_back_with_its_container(
    configurations: Configurations, scene: Scene
) -> None:
    name = configurations.client("unplugged", "10.8.151.1", allowed_ips=EVERYTHING)
    with shared(name) as net, container(net) as box, container(net) as other:
        shown = box.in_namespace("ip", "-oneline", "link", "show", "eth0")
        (device,) = re.findall(r"alias wgp([0-9a-f]{12})", shown)
        Router(net).run("ip", "link", "del", f"wgr{device}")
        wait_for(name, lambda status: "gone" in str(status["containers"]), "the error")
        assert other.fetch(WEB_IPV4) == "10.8.151.1"
        assert len(list(filter(None, errors(name)))) == 1
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.151.1"
        assert not any(errors(name))
