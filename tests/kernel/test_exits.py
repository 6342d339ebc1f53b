"""What passes over a tunnel's routes is stopped, and what may leave by other networks leaves."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from tests.kernel.host_end import LINK_OF_ONE
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tun,
    alone,
    apply_firewall,
    far_end,
    here,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_tun,
)
from tests.kernel.packets import (
    ALL_NODES,
    ARP,
    STRANGER,
    datagram,
    frame,
    router_advertisement,
)
from wgplugin.kernel import apply
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import MARK, Plan

pytestmark = [needs_namespaces, needs_nftables, needs_tun, needs_ipv6]

PORT = 9
SECRET, END = b"for the tunnel alone", b"the last one"

OWN = {4: "10.8.0.2", 6: "fd08::2"}
SECOND = {4: "10.9.0.2", 6: "fd09::2"}
ETH0 = {4: "192.0.2.2", 6: "2001:db8::2"}
GATEWAY = {4: "192.0.2.1", 6: "2001:db8::1"}
NEIGHBOUR = {4: "192.0.2.3", 6: "2001:db8::3"}
OUTSIDE = {4: "198.51.100.1", 6: "2001:db8:9::1"}
EVERYTHING = tuple(map(ip_network, ("0.0.0.0/0", "::/0")))
FULL = Plan(DEVICE, OWNER, tuple(map(ip_interface, OWN.values())), EVERYTHING)
SPLIT = replace(FULL, routed=tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8"))))
SO_MARK, PACKET_QDISC_BYPASS, SOL_PACKET = 36, 20, 263


@dataclass(frozen=True)
class Container:
    """A container on a bridge and a tunnel: the far ends of both."""

    bridge: socket.socket
    tunnel: int

    def comes(self, content: bytes, to: bytes = b"") -> None:
        """Have a packet come in by the bridge."""
        self.bridge.send(frame(content, to or address_of("eth0")))

    def left(self) -> bytes:
        """Return all that has left by the bridge until now."""
        with udp(NEIGHBOUR[4]) as last:
            last.sendto(END, (NEIGHBOUR[4], PORT))
        return b"".join(self._frames())

    def _frames(self) -> Iterator[bytes]:
        self.bridge.settimeout(10)
        found = b""
        while END not in found:
            found, address = self.bridge.recvfrom(2048)
            if address[2] != socket.PACKET_OUTGOING:
                yield found


def started(plan: Plan = FULL) -> Container:
    """Return a container with this tunnel, and a bridge whose hosts' link addresses are known."""
    add_device("eth0")
    bridge = far_end("peer-eth0")
    ip(f"address add {ETH0[4]}/24 dev eth0", f"address add {ETH0[6]}/64 dev eth0 nodad")
    for version in (4, 6):
        hosts = (GATEWAY[version], NEIGHBOUR[version], OUTSIDE[version])
        ip(
            f"route add default via {GATEWAY[version]} dev eth0",
            *(f"neighbour add {host} lladdr 02:00:00:00:00:01 dev eth0" for host in hosts),
        )
    tunnel = add_tun(*(f"{each}/128" if ":" in each else f"{each}/32" for each in OWN.values()))
    apply.block_exits(here(), plan)
    apply_firewall(plan)
    apply.apply(here(), plan, DeviceConfig())
    return Container(bridge, tunnel)


def address_of(device: str) -> bytes:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as device_s:
        device_s.bind((device, 0))
        return bytes(device_s.getsockname()[4])


def udp(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def send(host: str, *, device: str = "", source: str = "", mark: int = 0) -> None:
    """Send the secret to a host; that the kernel refuses is no error."""
    with udp(host) as sender, contextlib.suppress(OSError):
        if device:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if mark:
            sender.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        if source:
            sender.bind((source, 0))
        sender.sendto(SECRET, (host, PORT))


def send_frame(content: bytes, protocol: int = 0x800, *, mark: int = 0, bypass: int = 0) -> None:
    """Send a frame by the bridge's device; that the kernel refuses is no error."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender,
        contextlib.suppress(OSError),
    ):
        sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, bypass)
        sender.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        sender.bind(("eth0", protocol))
        sender.send(content)


@BOTH_FAMILIES
@alone
def test_socket_bound_to_another_network_s_device_gets_nothing_out(version: int) -> None:
    container = started()
    send(OUTSIDE[version], device="eth0")
    assert SECRET not in container.left()


@BOTH_FAMILIES
@alone
def test_socket_bound_to_another_network_s_device_reaches_its_subnet(version: int) -> None:
    container = started()
    send(NEIGHBOUR[version], device="eth0")
    assert SECRET in container.left()


@BOTH_FAMILIES
@alone
def test_prefix_outside_of_the_tunnel_is_reached_by_another_network(version: int) -> None:
    container = started(SPLIT)
    send(OUTSIDE[version], device="eth0")
    assert SECRET in container.left()


@BOTH_FAMILIES
@pytest.mark.parametrize("device", ["eth0", ""], ids=["bound", "routed"])
@alone
def test_bypass_is_reached_by_another_network(version: int, device: str) -> None:
    container = started(replace(FULL, bypass=(ip_network(OUTSIDE[version]),)))
    send(OUTSIDE[version], device=device)
    assert SECRET in container.left()


@BOTH_FAMILIES
@pytest.mark.parametrize("device", ["eth0", ""], ids=["bound", "routed"])
@alone
def test_mark_that_a_program_sets_itself_gets_nothing_out(version: int, device: str) -> None:
    container = started()
    send(OUTSIDE[version], device=device, mark=MARK)
    assert SECRET not in container.left()


@pytest.mark.parametrize("group", ["224.0.0.251", "ff02::fb"])
@alone
def test_group_on_another_network_is_reached(group: str) -> None:
    container = started()
    send(group, device="eth0")
    assert SECRET in container.left()


@BOTH_FAMILIES
@alone
def test_tunnel_s_address_is_not_shown_to_other_networks(version: int) -> None:
    container = started()
    send(NEIGHBOUR[version], source=OWN[version])
    assert SECRET not in container.left()


@BOTH_FAMILIES
@pytest.mark.parametrize("protocol", [0x800, 0x806, 0x86DD, 0x1234])
@pytest.mark.parametrize("bypass", [0, 1], ids=["queued", "direct"])
@alone
def test_frame_that_a_program_makes_itself_gets_nothing_out(
    version: int, protocol: int, bypass: int
) -> None:
    container = started()
    content = datagram(ETH0[version], PORT, OUTSIDE[version], PORT, SECRET)
    send_frame(frame(content), protocol, bypass=bypass)
    assert SECRET not in container.left()


@BOTH_FAMILIES
@alone
def test_frame_with_the_mark_of_a_reply_gets_nothing_out(version: int) -> None:
    container = started()
    send_frame(frame(datagram(ETH0[version], PORT, OUTSIDE[version], PORT, SECRET)), mark=MARK)
    assert SECRET not in container.left()


@alone
def test_frame_gets_nothing_out_though_the_link_for_published_ports_is_still_to_come() -> None:
    container = started(replace(FULL, routed=()))
    apply_firewall(replace(FULL, link=LINK_OF_ONE))
    send_frame(frame(datagram(ETH0[4], PORT, OUTSIDE[4], PORT, SECRET)))
    assert SECRET not in container.left()


@pytest.mark.parametrize("kind", [b"\x81\x00\x00\x01\x08\x00", b"\x88\xb5"], ids=["VLAN", "local"])
@alone
def test_frame_of_another_protocol_gets_nothing_out(kind: bytes) -> None:
    container = started()
    content = datagram(ETH0[4], PORT, OUTSIDE[4], PORT, SECRET)
    send_frame(STRANGER + STRANGER + kind + content)
    assert SECRET not in container.left()


@pytest.mark.parametrize(
    "content",
    [
        frame(datagram(ETH0[4], PORT, NEIGHBOUR[4], PORT, SECRET)),
        frame(datagram(ETH0[6], PORT, NEIGHBOUR[6], PORT, SECRET)),
        STRANGER + STRANGER + ARP + SECRET,
    ],
    ids=["IPv4", "IPv6", "ARP"],
)
@alone
def test_frame_to_another_network_s_subnet_leaves(content: bytes) -> None:
    container = started()
    send_frame(content)
    assert SECRET in container.left()


@contextlib.contextmanager
def server(host: str) -> Iterator[socket.socket]:
    """A server that has an address of the container's."""
    with udp(host) as listener:
        listener.bind((host, PORT))
        listener.settimeout(10)
        yield listener


@BOTH_FAMILIES
@alone
def test_client_of_another_network_is_answered_by_it(version: int) -> None:
    container = started()
    with server(ETH0[version]) as listener:
        container.comes(datagram(OUTSIDE[version], 7, ETH0[version], PORT, b"hello"))
        _, client = listener.recvfrom(100)
        listener.sendto(SECRET, client)
        assert SECRET in container.left()


@BOTH_FAMILIES
@alone
def test_connection_from_before_the_tunnel_goes_on(version: int) -> None:
    container = started(replace(FULL, routed=()))
    with server(ETH0[version]) as listener:
        request = datagram(OUTSIDE[version], 7, ETH0[version], PORT, b"hello")
        container.comes(request)
        _, client = listener.recvfrom(100)
        listener.sendto(b"first", client)
        apply.apply(here(), FULL, DeviceConfig())
        apply_firewall(FULL)
        container.comes(request)
        listener.recvfrom(100)
        listener.sendto(SECRET, client)
        assert SECRET in container.left()


@BOTH_FAMILIES
@alone
def test_peer_is_answered_by_the_tunnel_though_the_container_has_two(version: int) -> None:
    container = started()
    other = replace(
        SPLIT, owner=OTHER, device="wgp1", addresses=tuple(map(ip_interface, SECOND.values()))
    )
    add_tun(f"{SECOND[4]}/32", f"{SECOND[6]}/128", device=other.device, name="wg1")
    apply.apply(here(), other, DeviceConfig())
    apply_firewall(other)
    apply_firewall(FULL)
    with server(OWN[version]) as listener:
        request = datagram(OUTSIDE[version], 7, OWN[version], PORT, b"hello")
        os.write(container.tunnel, request)
        _, client = listener.recvfrom(100)
        listener.sendto(SECRET, client)
        assert SECRET not in container.left()
        assert any(SECRET in os.read(container.tunnel, 2048) for _ in range(20))


@BOTH_FAMILIES
@alone
def test_connection_to_an_address_that_is_gone_does_not_go_on_past_the_tunnel(
    version: int,
) -> None:
    container = started()
    with server(OWN[version]) as listener:
        os.write(container.tunnel, datagram(OUTSIDE[version], 7, OWN[version], PORT, b"hello"))
        _, client = listener.recvfrom(100)
        listener.sendto(b"first", client)
        moved = replace(FULL, addresses=tuple(map(ip_interface, SECOND.values())))
        apply.apply(here(), moved, DeviceConfig())
        apply_firewall(moved)
        with contextlib.suppress(OSError):
            listener.sendto(SECRET, client)
        assert SECRET not in container.left()


@alone
def test_packet_that_a_program_forges_to_itself_begins_no_client_s_connection() -> None:
    container = started()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as forger:
        for to in (ETH0[4], "192.0.2.255", "255.255.255.255"):
            with contextlib.suppress(OSError):
                forger.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                forger.sendto(datagram(OUTSIDE[4], PORT, to, 7, b"hello"), (to, 0))
                forger.sendto(datagram(to, 7, OUTSIDE[4], PORT, SECRET), (OUTSIDE[4], 0))
    with udp(OUTSIDE[4]) as sender, contextlib.suppress(OSError):
        sender.bind((ETH0[4], 7))
        sender.sendto(SECRET, (OUTSIDE[4], PORT))
    assert SECRET not in container.left()


@BOTH_FAMILIES
@alone
def test_neighbour_s_packet_to_the_tunnel_s_address_is_not_received(version: int) -> None:
    container = started()
    with server(OWN[version]) as wanted, server(ETH0[version]) as listener:
        container.comes(datagram(NEIGHBOUR[version], 7, OWN[version], PORT, b"forged"))
        container.comes(datagram(NEIGHBOUR[version], 7, ETH0[version], PORT, b"hello"))
        assert listener.recv(100) == b"hello"
        wanted.setblocking(False)
        with pytest.raises(BlockingIOError):
            wanted.recv(100)


@pytest.mark.parametrize(("plan", "taken"), [(FULL, False), (replace(FULL, routed=()), True)])
@alone
def test_router_advertisement_changes_no_routes_beside_a_tunnel(plan: Plan, taken: bool) -> None:
    container = started(plan)
    container.comes(router_advertisement("fe80::1", "2001:db8:bad::", 48), ALL_NODES)
    with server(ETH0[6]) as listener:
        container.comes(datagram(NEIGHBOUR[6], 7, ETH0[6], PORT, b"hello"))
        listener.recv(100)
    shown = subprocess.run(["ip", "-6", "route"], capture_output=True, text=True, check=True)
    assert ("2001:db8:bad::/48" in shown.stdout) == taken


@alone
def test_route_that_a_neighbour_adds_lets_nothing_out() -> None:
    container = started()
    ip(f"route add {OUTSIDE[6]}/128 dev eth0 proto ra")
    send(OUTSIDE[6])
    assert SECRET not in container.left()


@BOTH_FAMILIES
@alone
def test_network_that_comes_later_is_reached_once_it_is_known(version: int) -> None:
    container = started(replace(FULL, bypass=()))
    ip("address add 203.0.113.2/24 dev eth0", "address add 2001:db8:5::2/64 dev eth0 nodad")
    host = {4: "203.0.113.3", 6: "2001:db8:5::3"}[version]
    ip(f"neighbour add {host} lladdr 02:00:00:00:00:01 dev eth0")
    send(host)
    assert SECRET not in container.left()
    apply_firewall(FULL)
    send(host)
    assert SECRET in container.left()


@alone
def test_file_of_many_prefixes_is_taken() -> None:
    many = tuple(ip_network((10 << 24 | number << 9, 24)) for number in range(1500))
    container = started(replace(FULL, routed=(*many, ip_network("198.51.100.0/24"))))
    send(OUTSIDE[4], device="eth0")
    assert SECRET not in container.left()


@alone
def test_container_that_lost_its_tunnel_stays_closed() -> None:
    container = started()
    os.close(container.tunnel)
    apply_firewall(replace(FULL, closed=True))
    for version in (4, 6):
        send(OUTSIDE[version])
        send(OUTSIDE[version], device="eth0")
    assert SECRET not in container.left()


def shared(plan: Plan) -> tuple[Container, socket.socket]:
    """Return a container beside a bridge, and the far end of its device in a shared network."""
    container = started(replace(FULL, routed=()))
    add_device("vpn", f"{SECOND[4]}/24", f"{SECOND[6]}/64")
    far = far_end("peer-vpn")
    ip(f"link set vpn alias {plan.device}")
    for hop in plan.hops:
        ip(f"neighbour add {hop} lladdr 02:00:00:00:00:01 dev vpn")
    apply.block_exits(here(), plan)
    apply.apply(here(), plan, None)
    apply_firewall(plan)
    return container, far


SHARED = Plan(
    "wgp5",
    OTHER,
    (ip_interface("10.9.0.2/24"), ip_interface("fd09::2/64")),
    EVERYTHING,
    hops=(ip_address("10.9.0.1"), ip_address("fe80::99")),
    subnets=(ip_network("10.9.0.0/24"), ip_network("fd09::/64")),
)


def arrives(end: socket.socket, content: bytes) -> bool:
    """Return whether a frame with this content comes out of a device's far end."""
    end.settimeout(10)
    with contextlib.suppress(TimeoutError):
        while content not in end.recv(2048):
            pass
        return True
    return False


@BOTH_FAMILIES
@alone
def test_device_of_a_shared_network_is_the_only_way_out(version: int) -> None:
    container, far = shared(SHARED)
    send(OUTSIDE[version])
    assert arrives(far, SECRET)
    send(OUTSIDE[version], device="eth0")
    assert SECRET not in container.left()


@BOTH_FAMILIES
@alone
def test_what_comes_in_by_a_shared_network_is_no_client_of_another(version: int) -> None:
    container, far = shared(SHARED)
    with server(SECOND[version]) as listener:
        request = datagram(OUTSIDE[version], 7, SECOND[version], PORT, b"hello")
        far.send(frame(request, address_of("vpn")))
        _, client = listener.recvfrom(100)
        listener.sendto(SECRET, client)
        assert arrives(far, SECRET)
        assert SECRET not in container.left()


@alone
def test_neighbour_in_a_shared_network_changes_no_routes() -> None:
    _, far = shared(SHARED)
    advertisement = router_advertisement("fe80::1", "2001:db8:bad::", 48)
    far.send(frame(advertisement, ALL_NODES))
    with server(SECOND[6]) as listener:
        hello = datagram("fd09::3", 7, SECOND[6], PORT, b"hello")
        far.send(frame(hello, address_of("vpn")))
        listener.recv(100)
    shown = subprocess.run(["ip", "-6", "route"], capture_output=True, text=True, check=True)
    assert "2001:db8:bad::/48" not in shown.stdout
