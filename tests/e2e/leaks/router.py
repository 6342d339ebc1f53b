"""Announces a prefix as one of this link, as an IPv6 router does; runs in a network namespace.

    router.py DEVICE PREFIX

PREFIX has 64 bits. Source: RFC 4861, sections 4.2 and 4.6.2.
"""

import socket
import struct
import sys
from ipaddress import IPv6Network

ALL_NODES = "ff02::1"
ROUTER_ADVERTISEMENT, PREFIX_INFORMATION = 134, 3
ON_LINK = 0x80
SECONDS = 600


def advertisement(prefix: IPv6Network) -> bytes:
    """Return the message; its router is none for other destinations. The kernel sums it up."""
    head = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, 0, 0, 0)
    option = struct.pack("!BBBBIII", PREFIX_INFORMATION, 4, 64, ON_LINK, SECONDS, SECONDS, 0)
    return head + option + prefix.network_address.packed


def main(device: str, prefix: str) -> None:
    index = socket.if_nametoindex(device)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.sendto(advertisement(IPv6Network(prefix)), (ALL_NODES, 0, 0, index))


main(*sys.argv[1:])
