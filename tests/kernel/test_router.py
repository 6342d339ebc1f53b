"""What a shared network's router is made of, and what passes through it."""

import os
import socket
import struct
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    OWNER,
    add_tun,
    alone,
    inside,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    needs_tun,
    new_namespace,
    within,
    write_below_proc,
)
from tests.kernel.packets import datagram
from wgplugin.kernel import link_messages, router, sysctl
from wgplugin.kernel.link_messages import FORWARDING, GET_NETCONF, SET_LINK, Link
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import Table
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.space import Space
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import MAIN_TABLE, DeviceAddress, Route
from wgplugin.model.router import Forward, RouterPlan

pytestmark = [needs_namespaces, needs_nftables, needs_tun, needs_ipv6, needs_sysctl]

DEVICE = "wgpaaaaaaaaaaaa"
FIRST, SECOND = "wgp000000000001", "wgp000000000002"
OWN = {4: "10.8.0.2", 6: "fd08::2"}
GATEWAY = {4: "172.20.0.1", 6: "fd77::1"}
HOSTS = {FIRST: {4: "172.20.0.5", 6: "fd77::5"}, SECOND: {4: "172.20.0.6", 6: "fd77::6"}}
OUTSIDE = {4: "198.51.100.1", 6: "2001:db8:9::1"}
IP_RECVERR, IPV6_RECVERR = 11, 25
PORT, SECRET = 9, b"for the tunnel"
PLAN = RouterPlan(
    DEVICE,
    OWNER,
    gateways=(ip_interface("172.20.0.1/16"), ip_interface("fd77::1/64")),
    addresses=(ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128")),
    routed=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    mtu=1400,
)
CONFIG = DeviceConfig(fwmark=5)


def made() -> Space:
    """Return an empty router."""
    return inside(new_namespace())


@dataclass
class Network:
    """A shared network: its router, its containers by their devices' names, and its tunnel."""

    plan: RouterPlan
    router: Space
    containers: dict[str, int]
    tunnel: int

    def udp(self, name: str, version: int, port: int = PORT) -> socket.socket:
        """Return a container's socket, bound to its address."""
        host = HOSTS[name][version]

        def bound() -> socket.socket:
            family = socket.AF_INET6 if version == 6 else socket.AF_INET
            found = socket.socket(family, socket.SOCK_DGRAM)
            found.bind((host, port))
            found.settimeout(10)
            return found

        return within(self.containers[name], bound)

    def left(self, content: bytes = SECRET) -> bytes:
        """Return the first packet with this content that left by the tunnel."""
        while content not in (found := os.read(self.tunnel, 2048)):
            pass
        return found

    def comes(self, packet: bytes) -> None:
        """Have a packet come in by the tunnel."""
        os.write(self.tunnel, packet)


def started(plan: RouterPlan = PLAN) -> Network:
    """Return a shared network with two containers, as Docker sets them up."""
    space, tunnel = made(), add_tun(device=DEVICE, name=DEVICE)
    ip(f"link set {DEVICE} down")
    router.adopt(space, DEVICE)
    router.apply(space, plan, CONFIG)
    containers = {name: new_namespace() for name in HOSTS}
    for number, (name, namespace) in enumerate(containers.items(), 1):
        router.attach(space, name, f"02:42:ac:14:00:{number:02x}", plan)
        connect(name, namespace)
    return Network(plan, space, containers, tunnel)


def connect(name: str, namespace: int) -> None:
    """Move a container's device into it, as Docker does."""
    host = NetlinkSocket(socket.NETLINK_ROUTE)
    host.request(SET_LINK, link_messages.move(socket.if_nametoindex(name), "eth0", namespace))
    own = HOSTS[name]
    within(
        namespace,
        lambda: ip(
            "link set eth0 up",
            f"address add {own[4]}/16 dev eth0",
            f"address add {own[6]}/64 dev eth0 nodad",
            f"route add default via {GATEWAY[4]}",
            f"route add default via {GATEWAY[6]}",
        ),
    )


def link(space: Space, name: str) -> Link:
    found = Links(space.route).find(name)
    assert found
    return found


def source_of(packet: bytes) -> str:
    at, length = (12, 4) if packet[0] >> 4 == 4 else (8, 16)
    return str(ip_address(packet[at : at + length]))


# What it is made of


@alone
def test_bridge_has_the_gateways_and_a_next_hop_and_an_address_of_its_own() -> None:
    space = made()
    assert not router.apply(space, PLAN, CONFIG).ready
    bridge = link(space, "br0")
    assert bridge.up
    assert bridge.mtu == 1400
    assert bridge.address == bytes.fromhex("027767234567")
    addresses = Links(space.route).addresses(bridge.index)
    assert {*map(DeviceAddress, PLAN.gateways), DeviceAddress(router.NEXT_HOP)} <= addresses
    assert router.apply(space, PLAN, CONFIG).done == ()


@alone
def test_device_from_the_host_is_configured_and_gets_addresses_and_routes() -> None:
    network = started()
    device = link(network.router, DEVICE)
    assert (device.ifname, device.up, device.mtu) == ("wg0", True, 1400)
    assert network.router.wireguard.get(device.index)[1].fwmark == 5
    links = Links(network.router.route)
    assert set(map(DeviceAddress, PLAN.addresses)) <= links.addresses(device.index)
    assert {route.destination for route in links.main_routes(device.index)} == set(PLAN.routed)
    assert router.apply(network.router, PLAN, CONFIG).done == ()
    assert DEVICE not in [name for _, name in socket.if_nameindex()]


@alone
def test_packets_are_forwarded_by_both_devices_and_for_ipv6() -> None:
    network = started()
    for name in ("br0", "wg0"):
        assert link(network.router, name).setting(FORWARDING) == 1
    answer = network.router.route.ask(GET_NETCONF, link_messages.get_forwarding(6))
    assert link_messages.is_forwarded(answer)


@alone
def test_device_that_is_adopted_takes_the_place_of_the_one_before() -> None:
    network = started()
    second = add_tun(device=DEVICE, name=DEVICE)
    ip(f"link set {DEVICE} down")
    router.adopt(network.router, DEVICE)
    assert router.apply(network.router, PLAN, CONFIG).ready
    with network.udp(FIRST, 4) as sender:
        sender.sendto(SECRET, (OUTSIDE[4], PORT))
    replace_tunnel = Network(PLAN, network.router, network.containers, second)
    assert source_of(replace_tunnel.left()) == OWN[4]


@alone
def test_what_was_undone_by_hand_is_put_right() -> None:
    network = started()
    port = "wgr000000000001"

    def undo() -> None:
        ip(
            "link set wg0 down",
            "address del 172.20.0.1/16 dev br0",
            f"link set {port} nomaster down mtu 1300",
            "link set br0 address 02:00:00:00:00:09 mtu 1300",
            "address add 10.9.9.9/32 dev br0",
        )
        write_below_proc(sysctl.IPV6_FORWARDING, "0")
        NetfilterSocket().install(Table("t", ()))

    within(network.router.namespace, undo)
    outcome = router.apply(network.router, PLAN, CONFIG)
    assert outcome.ready
    assert {
        "wg0: set up",
        "wg0: route ::/0 added",
        "wg0: address fd08::2/128 added",
        "br0: address 172.20.0.1/16 added",
        "br0: address 10.9.9.9/32 removed",
        "br0: link address set",
        f"{port}: made a port",
        f"{port}: set up",
        f"{port}: MTU 1400",
        "IPv6 forwarding on",
        "nftables installed",
    } <= set(outcome.done)
    assert router.apply(network.router, PLAN, CONFIG).done == ()
    for version in (4, 6):
        with network.udp(FIRST, version) as sender:
            sender.sendto(SECRET, (OUTSIDE[version], PORT))
        assert source_of(network.left()) == OWN[version]


@alone
def test_change_of_the_plan_changes_addresses_and_routes() -> None:
    network = started()
    other = replace(
        PLAN,
        addresses=(ip_interface("10.8.0.3/24"),),
        routed=(ip_network("10.0.0.0/8"), ip_network("10.8.0.0/24")),
    )
    router.apply(network.router, other, CONFIG)
    index = link(network.router, "wg0").index
    links = Links(network.router.route)
    wanted = DeviceAddress(ip_interface("10.8.0.3/24"))
    # A WireGuard device has no link-local address, which the one that stands for it has.
    addresses = links.addresses(index)
    assert {each for each in addresses if not each.interface.is_link_local} == {wanted}
    assert links.set_routes(index) == {
        Route(net, MAIN_TABLE, metric=router.METRIC) for net in other.routed
    }
    assert router.apply(network.router, other, CONFIG).done == ()


@alone
def test_subnet_of_the_network_is_not_routed_into_the_tunnel() -> None:
    network = started(replace(PLAN, routed=(*PLAN.routed, ip_network("172.20.0.0/16"))))
    index = link(network.router, "wg0").index
    found = {route.destination for route in Links(network.router.route).main_routes(index)}
    assert found == set(PLAN.routed)


@alone
def test_ports_are_told_wherever_the_other_ends_are() -> None:
    network = started()
    router.attach(network.router, "wgp000000000003", "02:42:ac:14:00:03", PLAN)
    assert router.ports(network.router) == {FIRST, SECOND, "wgp000000000003"}


@alone
def test_container_s_device_has_the_address_the_mtu_the_alias_and_the_group() -> None:
    space = made()
    router.attach(space, FIRST, "02:42:ac:14:00:05", PLAN)
    found = Links(NetlinkSocket(socket.NETLINK_ROUTE)).find(FIRST)
    assert found
    assert (found.ifname, found.alias, found.mtu) == (FIRST, FIRST, 1400)
    assert found.address == bytes.fromhex("0242ac140005")
    assert found.is_tunnel_s


@pytest.mark.parametrize("gone", [True, False], ids=["in-a-container", "on-the-host"])
@alone
def test_leftover_of_the_same_name_is_replaced(gone: bool) -> None:
    network = started()
    if not gone:
        router.attach(network.router, "wgp000000000003", "02:42:ac:14:00:03", PLAN)
    name = FIRST if gone else "wgp000000000003"
    router.attach(network.router, name, "02:42:ac:14:00:09", PLAN)
    found = Links(NetlinkSocket(socket.NETLINK_ROUTE)).find(name)
    assert found
    assert found.address == bytes.fromhex("0242ac140009")
    assert link(network.router, name.replace("wgp", "wgr")).master


@alone
def test_router_that_is_emptied_has_no_device_of_the_network() -> None:
    network = started()
    router.empty(network.router.route)
    assert {each.ifname for each in Links(network.router.route).all()} == {"lo"}
    assert {name for _, name in socket.if_nameindex()} == {"lo"}


# What passes


@BOTH_FAMILIES
@alone
def test_container_s_packet_leaves_with_the_tunnel_s_address_and_is_answered(version: int) -> None:
    network = started()
    with network.udp(FIRST, version) as sender:
        sender.sendto(SECRET, (OUTSIDE[version], PORT))
        packet = network.left()
        assert source_of(packet) == OWN[version]
        header = 20 if version == 4 else 40
        (port,) = struct.unpack_from("!H", packet, header)
        network.comes(datagram(OUTSIDE[version], PORT, OWN[version], port, b"answer"))
        assert sender.recv(100) == b"answer"


@BOTH_FAMILIES
@alone
def test_without_nat_addresses_stay_and_peers_reach_containers(version: int) -> None:
    network = started(replace(PLAN, nat=False))
    host = HOSTS[FIRST][version]
    with network.udp(FIRST, version) as container:
        container.sendto(SECRET, (OUTSIDE[version], PORT))
        assert source_of(network.left()) == host
        network.comes(datagram(OUTSIDE[version], 7, host, PORT, b"hello"))
        assert container.recv(100) == b"hello"


@BOTH_FAMILIES
@alone
def test_with_nat_peers_reach_only_what_is_forwarded(version: int) -> None:
    host = ip_address(HOSTS[FIRST][version])
    network = started(replace(PLAN, forwards=(Forward(8443, host, PORT, "udp"),)))
    with network.udp(FIRST, version) as container:
        network.comes(datagram(OUTSIDE[version], 7, str(host), PORT, b"direct"))
        network.comes(datagram(OUTSIDE[version], 7, OWN[version], 8442, b"other"))
        network.comes(datagram(OUTSIDE[version], 7, OWN[version], 8443, b"forwarded"))
        content, client = container.recvfrom(100)
        assert (content, client[:2]) == (b"forwarded", (OUTSIDE[version], 7))
        container.sendto(SECRET, client)
        assert source_of(network.left()) == OWN[version]


@BOTH_FAMILIES
@alone
def test_only_the_tunnel_s_own_ports_are_forwarded(version: int) -> None:
    forward = Forward(8443, ip_address(HOSTS[FIRST][version]), PORT, "udp")
    network = started(replace(PLAN, nat=False, forwards=(forward,)))
    with network.udp(SECOND, version, 8443) as container:
        host = HOSTS[SECOND][version]
        network.comes(datagram(OUTSIDE[version], 7, host, 8443, b"hello"))
        assert container.recv(100) == b"hello"


@BOTH_FAMILIES
@alone
def test_containers_reach_each_other_unless_they_are_isolated(version: int) -> None:
    network = started()
    with network.udp(FIRST, version) as sender, network.udp(SECOND, version) as receiver:
        sender.sendto(b"hello", (HOSTS[SECOND][version], PORT))
        assert receiver.recv(100) == b"hello"
        router.apply(network.router, replace(PLAN, isolate=True), CONFIG)
        assert link(network.router, "wgr000000000001").is_isolated
        sender.sendto(b"again", (HOSTS[SECOND][version], PORT))
        # The bridge isn't asked for what goes by the router.
        host = HOSTS[SECOND][version]
        add = f"route add {host} via {GATEWAY[version]} dev eth0"
        within(network.containers[FIRST], lambda: ip(add))
        sender.sendto(b"routed", (host, PORT))
        sender.sendto(SECRET, (OUTSIDE[version], PORT))
        network.left()
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            receiver.recv(100)


@BOTH_FAMILIES
@alone
def test_internal_network_s_containers_reach_each_other_alone(version: int) -> None:
    network = started(replace(PLAN, internal=True))
    with network.udp(FIRST, version) as sender, network.udp(SECOND, version) as receiver:
        sender.sendto(SECRET, (OUTSIDE[version], PORT))
        sender.sendto(b"hello", (HOSTS[SECOND][version], PORT))
        assert receiver.recv(100) == b"hello"
        network.comes(datagram(OUTSIDE[version], 7, HOSTS[SECOND][version], PORT, b"peer"))
        sender.sendto(b"last", (HOSTS[SECOND][version], PORT))
        assert receiver.recv(100) == b"last"
    os.set_blocking(network.tunnel, False)
    with pytest.raises(BlockingIOError):
        network.left()


@BOTH_FAMILIES
@alone
def test_what_has_no_route_is_refused_at_once(version: int) -> None:
    part = ip_network("203.0.113.0/24" if version == 4 else "2001:db8:a::/48")
    network = started(replace(PLAN, routed=(part,)))
    with network.udp(FIRST, version) as sender:
        level = socket.IPPROTO_IPV6 if version == 6 else socket.IPPROTO_IP
        sender.setsockopt(level, IPV6_RECVERR if version == 6 else IP_RECVERR, 1)
        sender.sendto(SECRET, (OUTSIDE[version], PORT))
        with pytest.raises(OSError, match=r"unreachable|No route"):
            sender.recv(100)


@BOTH_FAMILIES
@alone
def test_tcp_asks_for_packets_that_fit_the_tunnel(version: int) -> None:
    network = started()
    within(network.containers[FIRST], lambda: ip("link set eth0 mtu 1500"))

    def connect() -> socket.socket:
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setblocking(False)
        found.connect_ex((OUTSIDE[version], 80))
        return found

    with within(network.containers[FIRST], connect):
        header = 20 if version == 4 else 40
        packet = network.left(struct.pack("!H", 80))
        while packet[6 if version == 6 else 9] != socket.IPPROTO_TCP:
            packet = network.left(struct.pack("!H", 80))
        assert packet[header + 20 : header + 22] == b"\x02\x04"
        (size,) = struct.unpack_from("!H", packet, header + 22)
        assert size == 1400 - header - 20
