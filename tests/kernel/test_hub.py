"""What a hub's peers reach: containers, each other, and names; and less, if they have a limit."""

import contextlib
import os
import socket
from dataclasses import replace
from ipaddress import ip_network

from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    InsideWireGuard,
    alone,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    needs_tun,
    within,
)
from tests.kernel.packets import datagram
from tests.kernel.test_router import (
    CONFIG,
    FIRST,
    GATEWAY,
    HOSTS,
    PLAN,
    PORT,
    SECOND,
    Network,
    source_of,
    started,
)
from wgplugin.kernel import router
from wgplugin.model.device import Device, DeviceConfig, Key, Peer
from wgplugin.model.notes import Reach
from wgplugin.model.published import Protocol
from wgplugin.model.router import Limit

pytestmark = [needs_namespaces, needs_nftables, needs_tun, needs_ipv6, needs_sysctl]

FREE = {4: "10.99.0.2", 6: "fd99::2"}
LIMITED = {4: "10.99.0.3", 6: "fd99::3"}
NEXT = {4: "10.99.0.4", 6: "fd99::4"}
"""Its address is the one after that of LIMITED."""
SUBNETS = ("10.99.0.0/24", "fd99::/64")
DNS = 53
GONE = Key(bytes([7]) * 32)
HUB = replace(PLAN, nat=False, hub=True, routed=tuple(map(ip_network, SUBNETS)))


def limit(peer: dict[int, str], *reach: str, udp: int | None = None) -> Limit:
    """Return the limit of a peer to hosts, or to a port of theirs."""
    protocol: Protocol | None = "udp" if udp else None
    return Limit(
        tuple(map(ip_network, peer.values())),
        tuple(Reach(ip_network(each), protocol, udp) for each in reach),
    )


ONE_PORT = limit(LIMITED, *HOSTS[FIRST].values(), udp=PORT)
SECOND_ONLY = limit(NEXT, *HOSTS[SECOND].values())
LIMITS = replace(HUB, limits=(ONE_PORT, SECOND_ONLY))


def arrive(network: Network, box: socket.socket, *packets: tuple[str, str, int]) -> list[str]:
    """Have packets come in; return the sources of those that a socket gets, up to the last one's.

    A packet is its source, its destination, and its port. The last one is of a peer without limit.
    """
    for source, destination, port in packets:
        network.comes(datagram(source, 7, destination, port, source.encode()))
    found: list[str] = []
    while not found or found[-1] != packets[-1][0]:
        found.append(box.recv(100).decode())
    return found


def listening(network: Network, version: int, port: int) -> socket.socket:
    """Return a socket of the router's, on its gateway's address."""

    def bound() -> socket.socket:
        found = socket.socket(
            socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM
        )
        found.bind((GATEWAY[version], port))
        found.settimeout(10)
        return found

    return within(network.router.namespace, bound)


def sources_left(network: Network) -> set[str]:
    """Return the sources of the packets that have left by the tunnel."""
    os.set_blocking(network.tunnel, False)
    found = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            found.add(source_of(network.left(b"")))
    return found


@BOTH_FAMILIES
@alone
def test_peer_with_a_limit_reaches_that_port_of_that_container_alone(version: int) -> None:
    network = started(LIMITS)
    host, free = HOSTS[FIRST][version], FREE[version]
    with network.udp(FIRST, version) as right, network.udp(FIRST, version, 10) as other:
        peer = LIMITED[version]
        assert arrive(network, right, (peer, host, PORT), (free, host, PORT)) == [peer, free]
        assert arrive(network, other, (peer, host, 10), (free, host, 10)) == [free]
    with network.udp(SECOND, version) as second:
        host = HOSTS[SECOND][version]
        assert arrive(network, second, (LIMITED[version], host, PORT), (free, host, PORT)) == [free]


@BOTH_FAMILIES
@alone
def test_limits_of_neighbours_are_not_mixed_up(version: int) -> None:
    network = started(LIMITS)
    first, second, peer = HOSTS[FIRST][version], HOSTS[SECOND][version], NEXT[version]
    with network.udp(FIRST, version) as box, network.udp(SECOND, version, 77) as wanted:
        free = FREE[version]
        assert arrive(network, box, (peer, first, PORT), (free, first, PORT)) == [free]
        assert arrive(network, wanted, (peer, second, 77), (free, second, 77)) == [peer, free]


@BOTH_FAMILIES
@alone
def test_new_limit_ends_what_is_under_way(version: int) -> None:
    network = started(HUB)
    peer, host, free = NEXT[version], HOSTS[FIRST][version], FREE[version]
    with network.udp(FIRST, version) as box:
        assert arrive(network, box, (peer, host, PORT), (free, host, PORT)) == [peer, free]
        box.sendto(b"answer", (peer, 7))
        network.left(b"answer")
        router.apply(network.router, LIMITS, CONFIG)
        assert arrive(network, box, (peer, host, PORT), (free, host, PORT)) == [free]


@BOTH_FAMILIES
@alone
def test_peer_that_is_removed_is_limited_to_its_end(version: int) -> None:
    network = started(LIMITS)
    peer, host, free = NEXT[version], HOSTS[FIRST][version], FREE[version]
    removed: list[Key] = []

    class LastPacket(InsideWireGuard):
        """The peer sends something just before it is removed."""

        def get(self, index: int) -> tuple[str, Device]:
            peers = () if removed else (Peer(GONE),)
            return "wg0", Device(None, None, 51820, 0, peers)

        def set(self, index: int, change: DeviceConfig) -> None:
            if not removed:
                network.comes(datagram(peer, 7, host, PORT, peer.encode()))
            removed.extend(each.public_key for each in change.peers if each.remove)

    network.router.wireguard = LastPacket()  # type: ignore[assignment]
    with network.udp(FIRST, version) as box:
        router.apply(network.router, HUB, CONFIG)
        assert removed == [GONE]
        assert arrive(network, box, (free, host, PORT)) == [free]


@BOTH_FAMILIES
@alone
def test_peer_with_a_limit_answers_a_container(version: int) -> None:
    network = started(LIMITS)
    peer, host = NEXT[version], HOSTS[FIRST][version]
    with network.udp(FIRST, version) as box:
        box.sendto(b"question", (peer, 7))
        network.left(b"question")
        network.comes(datagram(peer, 7, host, PORT, b"answer"))
        assert box.recv(100) == b"answer"


@BOTH_FAMILIES
@alone
def test_peers_reach_each_other_unless_they_are_isolated(version: int) -> None:
    network = started(LIMITS)
    free, other = FREE[version], NEXT[version]
    network.comes(datagram(free, 7, other, 7, b"hello"))
    # The kernel may tell the sender first that there is a shorter way (a redirect).
    while source_of(network.left(b"hello")) != free:
        pass
    router.apply(network.router, replace(LIMITS, isolate=True), CONFIG)
    network.comes(datagram(free, 7, other, 7, b"isolated"))
    with network.udp(FIRST, version) as box:
        # What came before was dropped when this arrives.
        arrive(network, box, (free, HOSTS[FIRST][version], PORT))
    assert free not in sources_left(network)


@BOTH_FAMILIES
@alone
def test_peers_alone_ask_the_router_for_names(version: int) -> None:
    network = started(LIMITS)
    gateway, free, peer = GATEWAY[version], FREE[version], LIMITED[version]
    with listening(network, version, DNS) as names, network.udp(FIRST, version) as container:
        container.sendto(b"container", (gateway, DNS))
        # The container's second one is seen by the router after the first.
        with listening(network, version, 54) as other:
            container.sendto(b"container", (gateway, 54))
            assert other.recv(100) == b"container"
        assert arrive(network, names, (peer, gateway, DNS), (free, gateway, DNS)) == [peer, free]


@BOTH_FAMILIES
@alone
def test_peer_with_a_limit_reaches_nothing_else_of_the_router(version: int) -> None:
    network = started(LIMITS)
    gateway, free, peer = GATEWAY[version], FREE[version], LIMITED[version]
    with listening(network, version, 54) as other:
        assert arrive(network, other, (peer, gateway, 54), (free, gateway, 54)) == [free]
