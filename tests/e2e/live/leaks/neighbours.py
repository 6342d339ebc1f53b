"""Scenarios with a neighbour on the bridge who does its worst."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.live.leaks.scene import OUTSIDE, Box, Scene, Seen, Tunnel

# Peers in the tunnel that don't exist, so that nobody else answers; by version.
PEERS = {4: "10.8.77.78", 6: "fd08:77::78"}
PORT = "7078"
# Where the neighbour says it is a router to; both are inside the tunnel.
ADVERTISED = "2001:db8:dead::"
REDIRECTED = "fdff:dead:78::78"


@dataclass(frozen=True)
class Diverted:
    """What has come of router advertisements: what left, and the routes in the container."""

    seen: Seen
    routes: str


@contextmanager
def neighbour(scene: Scene) -> Iterator[Box]:
    """Another container on the bridge."""
    with scene.box(scene.bridge, options=("--network-alias", "neighbour")) as box:
        yield box


def divert(box: Box, other: Box) -> Diverted:
    """Let the neighbour offer itself as router, and then send past the tunnel."""
    # Redirects count only for an address that is in use.
    box.program("sender", "plain", box.marker, "1", REDIRECTED)
    start = box.outside.mark()
    other.program("neighbour", "advertise", ADVERTISED, REDIRECTED, box.mac())
    box.send("everything", *(address for address in OUTSIDE if ":" in address))
    shown = box.in_namespace("ip", "-6", "route", "show", "table", "all")
    routes = [line for line in shown.splitlines() if re.search(r"proto (ra|redirect)", line)]
    return Diverted(box.seen(start), "\n".join(routes))


def intrude(scene: Scene, tunnel: Tunnel, box: Box, other: Box) -> set[str]:
    """Return the kinds of packets to the tunnel's address that the container takes or answers."""
    taken = set()
    for address in tunnel.addresses:
        version = 6 if ":" in address else 4
        source = other.address(scene.bridge, version)
        taken |= set(other.program("neighbour", "knock", box.mac(), source, address).split())
        if datagrams(box, other, PEERS[version]):
            taken.add("datagram")
    return taken


def datagrams(box: Box, other: Box, peer: str) -> str:
    """Return what a socket that is connected to a peer in the tunnel got from the neighbour."""
    with box.begin("listener", peer, PORT) as listener:
        assert listener.stdout is not None
        own, port = listener.stdout.readline().split()
        other.program("neighbour", "forge", box.mac(), peer, PORT, own, port, box.marker)
        return listener.communicate("\n")[0]
