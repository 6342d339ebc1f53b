"""What a neighbour on a bridge does to a container that also has a tunnel; runs in a container.

    python3 -m tests.e2e.live.leaks.neighbour knock MAC SOURCE TARGET
    python3 -m tests.e2e.live.leaks.neighbour forge MAC SOURCE PORT TARGET TO_PORT MARKER
    python3 -m tests.e2e.live.leaks.neighbour advertise PREFIX TARGET MAC

``knock`` prints the kinds of requests for TARGET that are answered. ``forge`` sends a datagram to
TARGET. ``advertise`` offers itself as the router to PREFIX, to everywhere, and then to TARGET.
"""

import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.live.leaks.packets import (
    ARP,
    arp_request,
    echo,
    ether_type,
    ethernet,
    is_ipv6,
    packed,
    udp,
)

DEVICE = "eth0"
ETH_P_ALL = 3
PATIENCE = 1.5
TIMES = 3
PREFIX_LENGTH = 64
ON_LINK_AND_AUTONOMOUS = 0xC0
PAYLOAD = b"knock on the tunnel's address"
ALL_NODES = "ff02::1"


def to_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def own_mac() -> bytes:
    return to_bytes(Path(f"/sys/class/net/{DEVICE}/address").read_text().strip())


def link_local() -> str:
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        address, _, _, scope, _, name = line.split()
        if name == DEVICE and scope == "20":
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
    raise SystemExit("no link-local address")


def knock(mac: str, source: str, target: str) -> None:
    """Ask for the target with ping and ARP, and print which one is answered."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.bind((DEVICE, ETH_P_ALL))
        for _ in range(TIMES):
            request = echo(source, target, PAYLOAD)
            sock.send(ethernet(to_bytes(mac), own_mac(), ether_type(target), request))
            if not is_ipv6(target):
                asked = arp_request(own_mac(), source, target)
                sock.send(ethernet(b"\xff" * 6, own_mac(), ARP, asked))
        print(*sorted(set(answers(sock, packed(target)))))


def answers(sock: socket.socket, target: bytes) -> Iterator[str]:
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            frame = sock.recv(2000)
        except TimeoutError:
            return
        if frame[:6] != own_mac():
            continue
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == target:
            yield "ARP"
        elif PAYLOAD in frame and target in (frame[26:30], frame[22:38]):
            yield "echo"


def forge(mac: str, source: str, port: str, target: str, to_port: str, marker: str) -> None:
    packet = udp(source, int(port), target, int(to_port), marker.encode())
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((DEVICE, 0))
        for _ in range(TIMES):
            sock.send(ethernet(to_bytes(mac), own_mac(), ether_type(target), packet))
            time.sleep(0.1)


def advertise(prefix: str, target: str, mac: str) -> None:
    """Send router advertisements (RFC 4861, 4.2), then redirects (4.5)."""
    router = packed(link_local())
    option = struct.pack("!4B", 3, 4, PREFIX_LENGTH, ON_LINK_AND_AUTONOMOUS)
    option += struct.pack("!3I", 86400, 86400, 0) + packed(prefix)
    # Route information (RFC 4191) for the prefix, of a high preference.
    option += struct.pack("!4BI", 24, 2, PREFIX_LENGTH, 0x08, 86400) + packed(prefix)[:8]
    advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 1800, 0, 0) + option
    link_layer = struct.pack("!2B", 2, 1) + own_mac()
    redirect = struct.pack("!BBHI", 137, 0, 0, 0) + router + packed(target) + link_layer
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE.encode())
        for option_name in (socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS):
            sock.setsockopt(socket.IPPROTO_IPV6, option_name, 255)
        scope = socket.if_nametoindex(DEVICE)
        for _ in range(TIMES):
            sock.sendto(advertisement, (ALL_NODES, 0, 0, scope))
            time.sleep(0.2)
        for _ in range(TIMES):
            sock.sendto(redirect, (link_local_of(mac), 0, 0, scope))
            time.sleep(0.2)


def link_local_of(mac: str) -> str:
    """Return the link-local address that a device with this MAC address has (EUI-64)."""
    found = bytearray(to_bytes(mac))
    found[0] ^= 2
    host = bytes(found[:3]) + b"\xff\xfe" + bytes(found[3:])
    return socket.inet_ntop(socket.AF_INET6, packed("fe80::")[:8] + host)


DEEDS: dict[str, Callable[..., None]] = {"knock": knock, "forge": forge, "advertise": advertise}


def main(what: str, *arguments: str) -> None:
    DEEDS[what](*arguments)


main(*sys.argv[1:])
