"""Forgets all connections, as `conntrack --flush` does; runs in a network namespace."""

import socket
import struct

NETLINK_NETFILTER = 12
# linux/netfilter/nfnetlink.h and nfnetlink_conntrack.h
SUBSYSTEM, DELETE = 1, 2
REQUEST_AND_ACKNOWLEDGE = 5


def main() -> None:
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, 0)
    kind = SUBSYSTEM << 8 | DELETE
    head = struct.pack("=IHHII", 16 + len(body), kind, REQUEST_AND_ACKNOWLEDGE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.send(head + body)
        (error,) = struct.unpack_from("=i", sock.recv(4096), 16)
    assert not error, error


main()
