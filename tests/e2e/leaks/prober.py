"""The worst that a process does to get a packet out, again and again; runs in the container.

    prober.py MARKER PROGRESS ADDRESS...

Sends to each address in every way it knows, and to names, groups and everyone; MARKER is in all
of it. Writes the number of rounds done into the file PROGRESS. What fails, fails.
"""

import contextlib
import fcntl
import itertools
import os
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

DOCKERS_RESOLVER = "127.0.0.11"
GROUPS = ("224.0.0.251", "239.255.255.250", "ff02::fb", "ff05::fb", "ff0e::fb")
BROADCAST = "255.255.255.255"
PORT = 33477
DNS = 53
EXPERIMENT = 253
# For others, Docker among them, to get on.
PAUSE = 0.2
SIOCGIFADDR = 0x8915
PENDING: deque[socket.socket] = deque(maxlen=200)


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def own_addresses() -> Iterator[str]:
    """Yield the addresses of the container, of which a process may bind any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for name in interfaces():
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(asker, SIOCGIFADDR, struct.pack("256s", name.encode()))
                yield socket.inet_ntoa(answer[20:24])
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        packed, _, _, scope, _, _ = line.split()
        if scope == "00":
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(packed))


def udp(address: str, payload: bytes, source: str = "", device: str = "", port: int = PORT) -> None:
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if source:
            sock.bind((source, 0))
        sock.sendto(payload, (address, port))


def neighbour(address: str, payload: bytes) -> None:
    """Take the address for one on the link, whatever the routes say."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
        sock.sendto(payload, (address, PORT))


def tcp(address: str, payload: bytes, port: int = PORT) -> None:
    """Connect without waiting; the kernel goes on trying until the socket is closed."""
    sock = socket.socket(family(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    PENDING.append(sock)
    sock.connect_ex((address, port))
    sock.send(payload)


def echo(address: str, payload: bytes) -> None:
    """Send what ping sends."""
    if family(address) == socket.AF_INET6:
        protocol, packet = socket.IPPROTO_ICMPV6, struct.pack("!BBHHH", 128, 0, 0, 1, 1) + payload
    else:
        packet = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + payload
        checksum = struct.pack("!H", internet_checksum(packet))
        protocol, packet = socket.IPPROTO_ICMP, packet[:2] + checksum + packet[4:]
    raw(address, protocol, packet)


def raw(address: str, protocol: int, packet: bytes) -> None:
    with socket.socket(family(address), socket.SOCK_RAW, protocol) as sock:
        sock.sendto(packet, (address, 0))


def internet_checksum(packet: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet[: len(packet) // 2 * 2]))
    total += packet[-1] << 8 if len(packet) % 2 else 0
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def query(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", kind, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


def ask(server: str, name: str) -> None:
    for kind in (1, 28):
        message = query(name, kind)
        sock = socket.socket(family(server), socket.SOCK_DGRAM)
        PENDING.append(sock)
        sock.sendto(message, (server, DNS))
    with contextlib.suppress(OSError):
        tcp(server, struct.pack("!H", len(message)) + message, DNS)


def multicast(group: str, payload: bytes, interface: str) -> None:
    index = socket.if_nametoindex(interface)
    with socket.socket(family(group), socket.SOCK_DGRAM) as sock:
        if family(group) == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            request = struct.pack("@4s4si", bytes(4), bytes(4), index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        sock.sendto(payload, (group, PORT))


def attempts(
    addresses: list[str], marker: str, number: int, bound: tuple[str, ...] = ("lo", "wg")
) -> Iterator[tuple[object, ...]]:
    """Yield what to call, each with its arguments.

    Sockets are ``bound`` to devices whose names begin so.
    """
    payload = f"{marker} {number}".encode()
    name = f"{number}.{marker}.example"
    names = interfaces()
    sources = list(own_addresses())
    for address in addresses:
        yield udp, address, payload
        yield tcp, address, payload
        yield echo, address, payload
        yield raw, address, EXPERIMENT, payload
        yield ask, address, name
        for source in sources:
            if family(source) == family(address):
                yield udp, address, payload, source
        yield neighbour, address, payload
        for device in names:
            if device.startswith(bound):
                yield udp, address, payload, "", device
    yield ask, DOCKERS_RESOLVER, name
    yield udp, BROADCAST, payload
    for group in GROUPS:
        yield udp, group, payload
        for device in names:
            yield multicast, group, payload, device


def main(marker: str, progress: str, *addresses: str) -> None:
    file = os.open(progress, os.O_WRONLY | os.O_TRUNC)
    for number in itertools.count(1):
        for attempt, *arguments in attempts(list(addresses), marker, number):
            with contextlib.suppress(OSError):
                attempt(*arguments)  # type: ignore[operator]
        os.pwrite(file, b"%d\n" % number, 0)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
