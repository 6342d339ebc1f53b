"""A shared network's published ports are answered by its router's link, and by nothing else."""

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePath

import pytest

from tests.kernel import test_router
from tests.kernel.host_end import CLIENT, LINK, NAME, SECOND_LINK, HostEnd, family
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    OTHER,
    add_device,
    alone,
    inside,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    needs_tun,
    within,
    write_below_proc,
)
from tests.kernel.packets import datagram
from tests.kernel.test_router import CONFIG, FIRST, GATEWAY, HOSTS, OUTSIDE, SECOND, Network, link
from wgplugin.kernel import apply, router
from wgplugin.kernel.rtnl import Links, Routing
from wgplugin.model.namespace import Plan
from wgplugin.model.published import INSIDE, MARK, PRIORITY, TABLE, Link
from wgplugin.model.router import RouterPlan

pytestmark = [needs_namespaces, needs_nftables, needs_tun, needs_ipv6, needs_sysctl]

PORT, SECRET, END = 9, b"for the tunnel", b"the last one"
LINKS = {FIRST: LINK, SECOND: SECOND_LINK}
PLAN = replace(
    test_router.PLAN,
    link=Link(NAME, tuple(ip_interface(own) for each in LINKS.values() for own in each.values())),
    answers=tuple(
        (ip_address(LINKS[name][version]), ip_address(HOSTS[name][version]))
        for name in LINKS
        for version in (4, 6)
    ),
)
MEMBER = Plan(
    FIRST,
    OTHER,
    (ip_interface(f"{HOSTS[FIRST][4]}/16"), ip_interface(f"{HOSTS[FIRST][6]}/64")),
    tuple(map(ip_network, ("0.0.0.0/0", "::/0"))),
    hops=tuple(map(ip_address, GATEWAY.values())),
    subnets=tuple(map(ip_network, ("172.20.0.0/16", "fd77::/64"))),
    answers=True,
)


@dataclass
class Published:
    """A shared network whose two containers have published ports, on a host: this namespace."""

    network: Network
    host: HostEnd

    def server(self, name: str, version: int, kind: int) -> socket.socket:
        """Return a server of a container's, which takes no address of its own."""

        def listen() -> socket.socket:
            found = socket.socket(family(version), kind)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(("", PORT))
            if kind == socket.SOCK_STREAM:
                found.listen()
            found.settimeout(10)
            return found

        return within(self.network.containers[name], listen)

    def came(self) -> bytes:
        """Return all that has left by the link until now."""
        with self.server(SECOND, 4, socket.SOCK_DGRAM) as server, self.host.udp(4) as client:
            client.sendto(b"", (SECOND_LINK[4], PORT))
            _, address = server.recvfrom(100)
            server.sendto(END, address)
        return self.host.came(END)


def started(plan: RouterPlan = PLAN) -> Published:
    """Return a shared network, and what publishes its containers' ports."""
    network, host = test_router.started(plan), HostEnd()
    if plan.link:
        host.set_up(LINK, SECOND_LINK)
    return Published(network, host)


def answers(found: Published, name: str, version: int) -> bool:
    """Return whether a client of a container's is answered over TCP and UDP, as itself."""
    asked = LINKS[name][version], PORT
    listening = found.server(name, version, socket.SOCK_STREAM)
    with listening, found.host.tcp(version, *asked) as client:
        served, address = listening.accept()
        with served:
            served.sendall(name.encode())
            over_tcp = client.recv(100), address[0]
    listening = found.server(name, version, socket.SOCK_DGRAM)
    with listening, found.host.udp(version) as client:
        client.connect(asked)
        client.send(b"hello")
        _, address = listening.recvfrom(100)
        listening.sendto(name.encode(), address)
        over_udp = client.recv(100), address[0]
    return over_tcp == over_udp == (name.encode(), CLIENT[version])


def run(namespace: int, command: str) -> None:
    """Do what ip(8) does in a namespace."""
    within(namespace, lambda: subprocess.run(["ip", *command.split()], check=True))


def join(found: Published, plan: Plan) -> None:
    """Apply a plan in the first container, which has no routes of Docker's then."""
    namespace = found.network.containers[FIRST]
    run(namespace, f"link set eth0 alias {FIRST}")
    for version in (4, 6):
        run(namespace, f"-{version} route flush default")
    space = inside(os.dup(namespace))
    apply.block_exits(space, plan)
    outcome = apply.apply(space, plan, None, arrived=True)
    apply.apply_firewall(space, plan, outcome.others)
    assert apply.apply(space, plan, None).done == ()


# What is answered


@BOTH_FAMILIES
@pytest.mark.parametrize(
    "plan",
    [PLAN, replace(PLAN, nat=False), replace(PLAN, isolate=True), replace(PLAN, routed=())],
    ids=["nat", "no-nat", "isolated", "no-routes"],
)
@alone
def test_each_container_s_client_is_answered_by_the_link_and_seen_as_itself(
    plan: RouterPlan, version: int
) -> None:
    found = started(plan)
    assert answers(found, FIRST, version)
    assert answers(found, SECOND, version)


@BOTH_FAMILIES
@alone
def test_client_is_answered_though_sources_are_checked_strictly(version: int) -> None:
    found = started()
    setting = PurePath("net/ipv4/conf/all/rp_filter")
    for namespace in (found.network.router.namespace, *found.network.containers.values()):
        within(namespace, lambda: write_below_proc(setting, "1"))
    assert answers(found, FIRST, version)


@BOTH_FAMILIES
@alone
def test_client_of_a_port_that_is_closed_is_told_at_once(version: int) -> None:
    found = started()
    with pytest.raises(ConnectionRefusedError):
        found.host.tcp(version, LINK[version], PORT)
    with found.host.udp(version) as client:
        client.connect((LINK[version], PORT))
        client.send(b"hello")
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)


@BOTH_FAMILIES
@pytest.mark.parametrize("routed", ["10.0.0.0/8 fd00::/8", "0.0.0.0/0 ::/0"], ids=["split", "full"])
@alone
def test_member_answers_any_client_whatever_its_routes_are(version: int, routed: str) -> None:
    found = started()
    join(found, replace(MEMBER, routed=tuple(map(ip_network, routed.split()))))
    assert answers(found, FIRST, version)
    assert answers(found, SECOND, version)


@BOTH_FAMILIES
@alone
def test_member_answers_though_another_network_has_the_default_route(version: int) -> None:
    found = started()
    namespace = found.network.containers[FIRST]
    gateway = {4: "192.0.2.1", 6: "2001:db8::1"}[version]
    within(namespace, lambda: add_device("eth1", "192.0.2.2/24", "2001:db8::2/64"))
    join(found, replace(MEMBER, routed=tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8")))))
    run(namespace, f"route add default via {gateway} dev eth1")
    asked = LINK[version], PORT
    listening = found.server(FIRST, version, socket.SOCK_STREAM)
    with listening, found.host.tcp(version, *asked) as client, listening.accept()[0] as served:
        served.sendall(b"answer")
        assert client.recv(100) == b"answer"


@BOTH_FAMILIES
@alone
def test_member_answers_its_neighbours_without_the_router(version: int) -> None:
    found = started()
    join(found, MEMBER)
    router.apply(found.network.router, replace(PLAN, routed=(), gateways=()), CONFIG)
    with (
        found.server(FIRST, version, socket.SOCK_DGRAM) as server,
        found.network.udp(SECOND, version) as client,
    ):
        client.sendto(b"hello", (HOSTS[FIRST][version], PORT))
        _, address = server.recvfrom(100)
        server.sendto(b"answer", address)
        assert client.recv(100) == b"answer"


@BOTH_FAMILIES
@alone
def test_what_a_member_has_no_route_for_is_refused_at_once(version: int) -> None:
    parts = tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8")))
    found = started(replace(PLAN, routed=parts))
    join(found, replace(MEMBER, routed=parts))

    def connect() -> None:
        with socket.socket(family(version), socket.SOCK_STREAM) as sender:
            sender.settimeout(10)
            sender.connect((OUTSIDE[version], PORT))

    with pytest.raises(OSError, match=r"unreachable|No route"):
        within(found.network.containers[FIRST], connect)


# What isn't


@BOTH_FAMILIES
@alone
def test_container_begins_nothing_by_the_link(version: int) -> None:
    found = started()
    with found.network.udp(FIRST, version) as sender:
        for host in (CLIENT[version], OUTSIDE[version]):
            sender.sendto(SECRET, (host, PORT))
            found.network.left()
        for host in (LINK[version], SECOND_LINK[version]):
            sender.sendto(SECRET, (host, PORT))
    assert SECRET not in found.came()


@BOTH_FAMILIES
@pytest.mark.parametrize("mark", [0, MARK], ids=["unmarked", "marked"])
@pytest.mark.parametrize("device", ["", INSIDE], ids=["routed", "bound"])
@alone
def test_router_begins_nothing_by_the_link(version: int, mark: int, device: str) -> None:
    found = started()

    def send() -> None:
        with socket.socket(family(version), socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            if device:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            with contextlib.suppress(OSError):
                sender.sendto(SECRET, (CLIENT[version], PORT))

    within(found.network.router.namespace, send)
    assert SECRET not in found.came()


@BOTH_FAMILIES
@alone
def test_peer_of_the_tunnel_reaches_nothing_by_the_link(version: int) -> None:
    found = started(replace(PLAN, nat=False))
    for host in (CLIENT[version], LINK[version]):
        found.network.comes(datagram(OUTSIDE[version], 7, host, PORT, SECRET))
    assert SECRET not in found.came()


@BOTH_FAMILIES
@alone
def test_only_the_link_s_own_addresses_are_reached_by_it(version: int) -> None:
    found = started(replace(PLAN, nat=False))
    others = (HOSTS[FIRST][version], GATEWAY[version], OUTSIDE[version])
    ip(*(f"route add {host} dev {NAME}" for host in others))
    with found.server(FIRST, version, socket.SOCK_DGRAM) as server:
        with found.host.udp(version) as client:
            for host in others:
                client.sendto(SECRET, (host, PORT))
            client.sendto(b"hello", (LINK[version], PORT))
        assert server.recv(100) == b"hello"
    os.set_blocking(found.network.tunnel, False)
    with pytest.raises(BlockingIOError):
        found.network.left()


@BOTH_FAMILIES
@alone
def test_router_itself_is_not_reached_by_the_link(version: int) -> None:
    found = started()
    ip(f"route add {GATEWAY[version]} dev {NAME}")
    with found.host.udp(version) as client:
        client.connect((GATEWAY[version], PORT))
        client.send(b"hello")
        assert answers(found, FIRST, version)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(100)


@BOTH_FAMILIES
@alone
def test_router_tells_no_client_anything_by_the_tunnel(version: int) -> None:
    found = started()
    listening = found.server(FIRST, version, socket.SOCK_DGRAM)
    with listening, found.host.udp(version) as client:
        level, limit = (
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
            if version == 6
            else (socket.IPPROTO_IP, socket.IP_TTL)
        )
        client.connect((LINK[version], PORT))
        client.setsockopt(level, limit, 1)
        client.send(SECRET)
        client.setsockopt(level, limit, 64)
        client.send(b"hello")
        assert listening.recv(100) == b"hello"
    os.set_blocking(found.network.tunnel, False)
    with pytest.raises(BlockingIOError):
        found.network.left()


@BOTH_FAMILIES
@alone
def test_internal_network_s_containers_are_not_reached(version: int) -> None:
    found = started(replace(PLAN, internal=True))
    with (
        found.server(FIRST, version, socket.SOCK_DGRAM) as server,
        found.host.udp(version) as client,
        found.network.udp(SECOND, version) as neighbour,
    ):
        client.sendto(SECRET, (LINK[version], PORT))
        neighbour.sendto(b"hello", (HOSTS[FIRST][version], PORT))
        assert server.recv(100) == b"hello"


# What it is made of


@alone
def test_plan_that_is_applied_again_changes_nothing() -> None:
    found = started()
    assert router.apply(found.network.router, PLAN, CONFIG).done == ()
    assert link(found.network.router, INSIDE).mtu == PLAN.mtu


@pytest.mark.parametrize(
    "undone",
    [
        f"rule del priority {PRIORITY}",
        f"-6 rule del priority {PRIORITY}",
        f"route flush table {TABLE}",
        f"-6 route flush table {TABLE}",
        f"route del throw 172.20.0.0/16 table {TABLE}",
        f"address del {LINK[4]}/32 dev {INSIDE}",
        f"link set {INSIDE} down",
    ],
)
@alone
def test_what_is_undone_in_the_router_is_put_right(undone: str) -> None:
    found = started()
    space = found.network.router
    run(space.namespace, undone)
    assert router.apply(space, PLAN, CONFIG).done
    assert router.apply(space, PLAN, CONFIG).done == ()
    assert all(answers(found, FIRST, version) for version in (4, 6))


@alone
def test_link_is_made_anew_with_another_mtu() -> None:
    found = started()
    other = replace(PLAN, mtu=1300)
    assert f"{INSIDE} made" in router.apply(found.network.router, other, CONFIG).done
    assert router.apply(found.network.router, other, CONFIG).done == ()
    found.host.set_up(LINK, SECOND_LINK)
    assert socket.if_nametoindex(NAME)
    assert all(answers(found, FIRST, version) for version in (4, 6))


@alone
def test_container_that_has_left_is_reached_no_more() -> None:
    found = started()
    without = replace(
        PLAN,
        link=replace(PLAN.link, addresses=PLAN.link.addresses[2:]) if PLAN.link else None,
        answers=PLAN.answers[2:],
    )
    router.apply(found.network.router, without, CONFIG)
    with found.server(FIRST, 4, socket.SOCK_DGRAM) as server, found.host.udp(4) as client:
        client.sendto(b"late", (LINK[4], PORT))
        with found.network.udp(SECOND, 4, 7) as neighbour:
            neighbour.sendto(b"hello", (HOSTS[FIRST][4], PORT))
        assert server.recv(100) == b"hello"
    assert answers(found, SECOND, 4)


@alone
def test_plan_without_ports_has_no_link() -> None:
    found = started()
    space = found.network.router
    assert f"{INSIDE} deleted" in router.apply(space, test_router.PLAN, CONFIG).done
    assert NAME not in [name for _, name in socket.if_nameindex()]
    assert Routing(space.route).answers(PLAN.owner, 0).items == frozenset()
    assert router.apply(space, test_router.PLAN, CONFIG).done == ()


@alone
def test_router_that_is_emptied_has_no_link() -> None:
    found = started()
    router.empty(found.network.router.route)
    assert {each.ifname for each in Links(found.network.router.route).all()} == {"lo"}
