"""A host with a neighbour, and containers that are reached by links, in namespaces of their own."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.kernel.namespaces import here, ip, new_namespace, within
from wgplugin.kernel import link_messages
from wgplugin.kernel.host_ports import HostPorts
from wgplugin.kernel.link_messages import SET_LINK
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.space import Space
from wgplugin.model.backends import Published
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import (
    GROUP,
    HOST_ADDRESSES,
    INSIDE,
    Publication,
    PublishedPort,
    link_addresses,
    link_name,
)

OWNER = "plugin"
HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
NEIGHBOUR = {4: "192.0.2.9", 6: "2001:db8::9"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
HOPS: dict[int, str] = {each.version: str(each.ip) for each in HOST_ADDRESSES}
MAC = "02:77:67:70:75:62"
PORT, INNER = 8080, 80
SCTP = 132
KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, SCTP),
}
SECONDS, NOT_COMING = 10.0, 0.5
REQUEST, ANSWER = b"request", b"answer"
FORWARDING = (Path("net/ipv4/ip_forward"), Path("net/ipv6/conf/all/forwarding"))


def has_sctp() -> bool:
    try:
        socket.socket(socket.AF_INET, *KINDS["sctp"]).close()
    except OSError:
        return False
    return True


needs_sctp = pytest.mark.skipif(not has_sctp(), reason="needs SCTP")


def write(setting: Path, value: str) -> None:
    Path("/proc/sys", setting).write_text(value)


@dataclass
class Container:
    """A container with one end of a link; its answers go back by it."""

    number: int
    namespace: int = field(default_factory=new_namespace)

    @property
    def device(self) -> str:
        return link_name(str(self.number))

    @property
    def addresses(self) -> dict[int, IPAddress]:
        return {each.version: each.ip for each in link_addresses(self.number, (4, 6))}

    def publication(self, *ports: PublishedPort) -> Publication:
        return Publication(self.device, tuple(self.addresses.values()), ports)

    def link(self) -> None:
        """Make the link, as it is made from inside."""
        ends = f"group {GROUP} address {MAC} arp off"
        ip(f"link add {self.device} {ends} type veth peer name {INSIDE} {ends}")
        move(INSIDE, INSIDE, self.namespace)

        def set_up() -> None:
            ip(
                f"link set {INSIDE} up",
                *(f"address add {each} dev {INSIDE}" for each in self.addresses.values()),
                *(f"route add default via {hop} dev {INSIDE} onlink" for hop in HOPS.values()),
            )

        within(self.namespace, set_up)


@dataclass
class Host:
    """This namespace as the host's, with a neighbour's."""

    ports: HostPorts
    space: Space
    neighbour: int

    def publish(self, *publications: Publication) -> Published:
        return self.ports.publish(self.space, publications)


def started() -> Host:
    """Return a host that forwards, with a neighbour."""
    neighbour = new_namespace()
    ip("link set lo up", "link add eth0 type veth peer name far")
    move("far", "eth0", neighbour)
    join(HOST)
    within(neighbour, lambda: join(NEIGHBOUR))
    for setting in FORWARDING:
        write(setting, "1")
    return Host(HostPorts(OWNER), here(), neighbour)


def join(addresses: dict[int, str]) -> None:
    ip(
        f"address add {addresses[4]}/24 dev eth0",
        f"address add {addresses[6]}/64 dev eth0 nodad",
        "link set eth0 up",
    )


def container(number: int = 2) -> Container:
    """Return a container whose link is there."""
    made = Container(number)
    made.link()
    return made


def move(ifname: str, name: str, namespace: int) -> None:
    with contextlib.closing(NetlinkSocket(socket.NETLINK_ROUTE)) as route:
        index = socket.if_nametoindex(ifname)
        route.request(SET_LINK, link_messages.move(index, name, namespace))


def port(
    number: int = PORT, protocol: str = "tcp", address: str = "", to: int = INNER
) -> PublishedPort:
    at = ip_address(address) if address else None
    return PublishedPort(protocol, number, to, at)  # type: ignore[arg-type]


@contextlib.contextmanager
def listening(
    namespace: int, address: str, number: int = INNER, protocol: str = "tcp"
) -> Iterator[socket.socket]:
    """Listen in a namespace, -1 for this one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def bound() -> socket.socket:
        found = socket.socket(family, *KINDS[protocol])
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, number))
        found.settimeout(SECONDS)
        if protocol != "udp":
            found.listen()
        return found

    with within(namespace, bound) if namespace >= 0 else bound() as server:
        yield server


def client(namespace: int, version: int, protocol: str = "tcp") -> socket.socket:
    """Return a socket in a namespace, -1 for this one."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET

    def made() -> socket.socket:
        return socket.socket(family, *KINDS[protocol])

    found = within(namespace, made) if namespace >= 0 else made()
    found.settimeout(SECONDS)
    return found


def source(
    server: socket.socket, namespace: int, address: str, number: int = PORT, protocol: str = "tcp"
) -> str:
    """Return whom the server sees as the client, who gets its answer."""
    with client(namespace, ip_address(address).version, protocol) as asking:
        asking.connect((address, number))
        if protocol != "udp":
            accepted, peer = server.accept()
            with accepted:
                accepted.sendall(ANSWER)
        else:
            asking.send(REQUEST)
            _, peer = server.recvfrom(99)
            server.sendto(ANSWER, peer)
        assert asking.recv(99) == ANSWER
    return str(peer[0])


def is_reached(
    server: socket.socket, namespace: int, address: str, number: int = PORT, protocol: str = "udp"
) -> bool:
    """Return whether a datagram, or a connection, gets to a server."""
    server.settimeout(NOT_COMING)
    with client(namespace, ip_address(address).version, protocol) as asking:
        asking.settimeout(NOT_COMING)
        try:
            asking.connect((address, number))
            if protocol == "udp":
                asking.send(REQUEST)
                server.recvfrom(99)
            else:
                server.accept()[0].close()
        except OSError:
            return False
        return True
