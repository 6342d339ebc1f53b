"""What of a container counts as a leak; seen in the real in tests/e2e/leaks."""

import socket
import struct
from dataclasses import replace
from ipaddress import ip_address

import pytest

from tests.e2e.leaks.boundary import PROBES, Boundary, networks
from tests.e2e.leaks.capture import ARP, IPV4, IPV6, Frame
from tests.e2e.leaks.planted import CHECKOUT, DOCKERS_GATEWAY, ON_LINK_DEFAULT, Leak
from tests.e2e.provider import HOST_LINK, PORT

BOUNDARY = Boundary(
    marker=b"leak-1234",
    tunnel=frozenset({ip_address("10.8.0.2"), ip_address("fd08::2")}),
    host_interfaces=frozenset({"lo", "eth0", HOST_LINK}),
    subnets=networks("100.64.1.0/24", "2001:db8:64::/64"),
    bypass=networks("198.19.0.0/16"),
)
QUERY = b"\x0alabel.leak-1234\x07example\0"
HANDSHAKE = b"\1\0\0\0" + bytes(144)
HOST, ENDPOINT = "198.51.100.1", "198.51.100.2"
BOX, GATEWAY, NEIGHBOUR = "100.64.1.2", "100.64.1.1", "100.64.1.3"
BOX_IPV6, LINK_LOCAL = "2001:db8:64::2", "fe80::2"


def udp(
    interface: str, source: str, destination: str, payload: bytes = b"", port: int = 53
) -> Frame:
    ends = ip_address(source).packed + ip_address(destination).packed
    datagram = struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload
    if len(ends) == 8:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0)
        return Frame(interface, IPV4, header + ends + datagram)
    header = struct.pack("!IHBB", 6 << 28, len(datagram), socket.IPPROTO_UDP, 64)
    return Frame(interface, IPV6, header + ends + datagram)


def arp(source: str, target: str) -> Frame:
    request = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1)
    ends = bytes(6) + ip_address(source).packed + bytes(6) + ip_address(target).packed
    return Frame("veth1", ARP, request + ends)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(udp(HOST_LINK, HOST, ENDPOINT, HANDSHAKE, PORT), id="WireGuard"),
        pytest.param(udp("veth1", BOX, NEIGHBOUR, QUERY), id="bridge"),
        pytest.param(udp("", BOX, GATEWAY, QUERY), id="bridge that is gone"),
        pytest.param(udp("veth1", BOX_IPV6, LINK_LOCAL, QUERY), id="bridge, link-local"),
        pytest.param(udp("veth1", BOX, "239.255.255.250", QUERY), id="bridge, multicast"),
        pytest.param(udp("veth1", "::", "ff02::16", QUERY), id="bridge, no address yet"),
        pytest.param(udp("veth1", BOX, "255.255.255.255", QUERY), id="bridge, everyone"),
        pytest.param(arp(BOX, GATEWAY), id="ARP of the bridge"),
        pytest.param(udp("veth1", BOX, "198.19.1.1", QUERY), id="bypass"),
        pytest.param(udp("eth0", HOST, "198.19.1.1", QUERY), id="bypass, masqueraded"),
        pytest.param(udp("eth0", "192.0.2.1", "192.0.2.2", b"x"), id="host"),
        pytest.param(udp("lo", "127.0.0.1", "127.0.0.53", b"\x07example\0"), id="host's names"),
        pytest.param(Frame("eth0", 0x88CC, b"x"), id="not IP"),
    ],
)
def test_allowed_frame_is_no_leak(frame: Frame) -> None:
    assert not BOUNDARY.leaks([frame])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(udp(HOST_LINK, HOST, ENDPOINT, QUERY, PORT), id="not WireGuard's"),
        pytest.param(udp("eth0", HOST, ENDPOINT, HANDSHAKE + QUERY, PORT), id="not on its link"),
        pytest.param(udp("lo", "127.0.0.1", "127.0.0.53", QUERY), id="names asked by the host"),
        pytest.param(udp("eth0", HOST, "192.0.2.2", QUERY), id="masqueraded"),
        *(
            pytest.param(
                udp("eth0", "::1" if probe.version == 6 else HOST, str(probe)), id=f"{probe}"
            )
            for probe in PROBES
        ),
        pytest.param(udp("veth1", BOX, "192.0.2.2"), id="out of the bridge's subnet"),
        pytest.param(udp("veth1", BOX_IPV6, "2001:db8::1"), id="the same in IPv6"),
        pytest.param(udp("veth1", "10.8.0.2", GATEWAY), id="from the tunnel's address"),
        pytest.param(udp("eth0", "2001:db8::1", "fd08::2"), id="to the tunnel's address"),
        pytest.param(udp("veth1", LINK_LOCAL, "2001:db8::1", QUERY), id="from link-local"),
        pytest.param(udp("eth0", BOX, "239.255.255.250"), id="multicast beyond the bridge"),
        pytest.param(arp(BOX, "192.0.2.2"), id="ARP for an address outside"),
        pytest.param(Frame("veth1", 0x88CC, QUERY), id="not IP"),
    ],
)
def test_anything_else_of_the_container_is_a_leak(frame: Frame) -> None:
    assert BOUNDARY.leaks([frame]).total() == 1


LINK = "wgpub0123456789"
ON_LINK, ON_LINK_IPV6, CLIENT, CLIENT_IPV6 = "169.254.192.2", "fd77:6770:7562::2", HOST, "fd78::2"


def question(client: str = CLIENT, on_link: str = ON_LINK) -> Frame:
    return replace(udp(LINK, client, on_link, QUERY, 80), outgoing=True)


def answer(client: str = CLIENT, on_link: str = ON_LINK) -> Frame:
    asked, ports = udp(LINK, on_link, client, QUERY, 80), (40000, 80)
    turned = struct.pack("!HH", *reversed(ports))
    return replace(asked, packet=asked.packet.replace(struct.pack("!HH", *ports), turned, 1))


def refusal(of: Frame) -> Frame:
    """Return the error of a closed port."""
    kind = socket.IPPROTO_ICMP if of.protocol == IPV4 else socket.IPPROTO_ICMPV6
    assert of.ends
    source, destination = of.ends
    about = struct.pack("!BBHI", 3 if of.protocol == IPV4 else 1, 3, 0, 0) + of.packet
    ends = destination.packed + source.packed
    if of.protocol == IPV4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, kind, 0)
    else:
        header = struct.pack("!IHBB", 6 << 28, len(about), kind, 64)
    return Frame(LINK, of.protocol, header + ends + about)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([question()], id="a question"),
        pytest.param([question(), answer()], id="an answer"),
        pytest.param([question(), refusal(question())], id="a closed port"),
        pytest.param(
            [question(CLIENT_IPV6, ON_LINK_IPV6), answer(CLIENT_IPV6, ON_LINK_IPV6)], id="IPv6"
        ),
        pytest.param(
            [question(CLIENT_IPV6, ON_LINK_IPV6), refusal(question(CLIENT_IPV6, ON_LINK_IPV6))],
            id="a closed port, IPv6",
        ),
    ],
)
def test_answer_by_a_published_port_is_no_leak(frames: list[Frame]) -> None:
    assert not BOUNDARY.leaks(frames)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([answer()], id="to nobody's question"),
        pytest.param([answer(), question()], id="before the question"),
        pytest.param([question(), answer("192.0.2.9")], id="to another address"),
        pytest.param([question(), udp(LINK, ON_LINK, CLIENT, port=40000)], id="by another port"),
        pytest.param([question(), refusal(question("192.0.2.9"))], id="about somebody else"),
        pytest.param([replace(question(), outgoing=False)], id="a question of the container's"),
        pytest.param([Frame(LINK, ARP, arp(ON_LINK, CLIENT).packet)], id="ARP"),
        pytest.param([replace(udp("eth0", ON_LINK, CLIENT), outgoing=True)], id="not translated"),
    ],
)
def test_anything_else_on_a_link_is_a_leak(frames: list[Frame]) -> None:
    assert BOUNDARY.leaks(frames).total() == 1


@pytest.mark.parametrize("leak", [DOCKERS_GATEWAY, ON_LINK_DEFAULT], ids=lambda leak: leak.name)
def test_leak_to_plant_has_its_place_in_the_source(leak: Leak) -> None:
    assert (CHECKOUT / "wgplugin" / leak.module).read_text().count(leak.text) == 1
