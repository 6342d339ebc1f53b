"""Scenarios with a neighbour on the bridge who does its worst."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.leaks.probing import Bridge
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


def divert(box: Box, other: Box, on: Bridge | Tunnel) -> Diverted:
    """Let a neighbour on a network offer itself as router, and then send past the tunnel."""
    # Redirects count only for an address that is in use.
    box.program("sender", "plain", box.marker, "1", REDIRECTED)
    start = box.outside.mark()
    other.program("neighbour", "advertise", ADVERTISED, REDIRECTED, box.mac(on))
    box.send("everything", *(address for address in OUTSIDE if ":" in address))
    shown = box.in_namespace("ip", "-6", "route", "show", "table", "all")
    routes = [line for line in shown.splitlines() if re.search(r"proto (ra|redirect)", line)]
    return Diverted(box.seen(start), "\n".join(routes))


def intrude(scene: Scene, tunnel: Tunnel, box: Box, other: Box) -> set[str]:
    """Return the kinds of packets to the tunnel's address that the container takes or answers."""
    taken = set()
    mac = box.mac(scene.bridge)
    for address in box.addresses(tunnel):
        version = 6 if ":" in address else 4
        source = other.address(scene.bridge, version)
        taken |= set(other.program("neighbour", "knock", mac, source, address).split())
        if datagrams(box, other, mac, PEERS[version]):
            taken.add("datagram")
    return taken


def datagrams(box: Box, other: Box, mac: str, peer: str, *to: str) -> str:
    """Return what a socket that is connected to a peer got from the neighbour.

    ``to``: the socket's own address, if not the one by which the peer is reached. The neighbour
    sends to ``mac``, and pretends to be the peer.
    """
    with box.begin("listener", peer, PORT, *to) as listener:
        assert listener.stdout is not None
        own, port = listener.stdout.readline().split()
        other.program("neighbour", "forge", mac, peer, PORT, own, port, box.marker)
        return listener.communicate("\n")[0]
