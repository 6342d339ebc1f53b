"""The host's side of a link for published ports, as this thread's namespace has it."""

import socket
from collections.abc import Iterator
from ipaddress import ip_interface

from tests.kernel.namespaces import ETH_P_ALL, ip
from wgplugin.model.published import HOST_ADDRESSES, Link

NAME = "wgpub0123456789"
CLIENT = {4: "198.51.100.7", 6: "2001:db8:7::7"}
"""A client's address, as it may be anywhere behind the host."""

LINK = {4: "169.254.192.5", 6: "fd77:6770:7562::5"}
SECOND_LINK = {4: "169.254.192.6", 6: "fd77:6770:7562::6"}
LINK_OF_ONE = Link(NAME, (ip_interface(f"{LINK[4]}/32"), ip_interface(f"{LINK[6]}/128")))


class HostEnd:
    """A link's end on the host, set up as KernelPublishing would, with a client behind it."""

    def __init__(self) -> None:
        for address in CLIENT.values():
            ip(f"address replace {address} dev lo{' nodad' if ':' in address else ''}")
        ip("link set lo up")

    def set_up(self, *containers: dict[int, str]) -> None:
        """Set up the end that was made, for containers with these addresses on the link."""
        ip(
            f"link set {NAME} up",
            *(f"address add {each} dev {NAME}" for each in HOST_ADDRESSES),
            *(f"route replace {host} dev {NAME}" for each in containers for host in each.values()),
        )
        self._seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._seen.bind((NAME, ETH_P_ALL))

    def udp(self, version: int) -> socket.socket:
        """Return a client's socket for datagrams."""
        found = socket.socket(family(version), socket.SOCK_DGRAM)
        found.bind((CLIENT[version], 0))
        found.settimeout(10)
        return found

    def tcp(self, version: int, host: str, port: int) -> socket.socket:
        """Return a client's connection."""
        return socket.create_connection((host, port), 10, (CLIENT[version], 0))

    def came(self, end: bytes) -> bytes:
        """Return all that came out of the link until a frame with this content did."""
        return b"".join(self._frames(end))

    def _frames(self, end: bytes) -> Iterator[bytes]:
        self._seen.settimeout(10)
        found = b""
        while end not in found:
            found, address = self._seen.recvfrom(4096)
            if address[2] != socket.PACKET_OUTGOING:
                yield found
            else:
                found = b""


def family(version: int) -> int:
    """Return the number of an address family."""
    return socket.AF_INET6 if version == 6 else socket.AF_INET
