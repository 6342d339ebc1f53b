"""Sends to addresses by a way that passes over routes; runs in a container.

    python3 -m tests.e2e.live.leaks.sender WAY MARKER ROUNDS ADDRESS...

MARKER is in every packet. With 0 ROUNDS it goes on for ever, and the file PROGRESS gets a byte for
each round that is done. What fails, fails.
"""

import contextlib
import fcntl
import itertools
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.live.leaks.packets import (
    ARP,
    VLAN,
    ether_type,
    ethernet,
    family,
    is_ipv6,
    udp,
)

PROGRESS = Path("/progress")
PORT, OWN_PORT = 33478, 5353
# For neighbours to be found, and for others to get on.
PAUSE = 0.3
TUNNELS_MARK, LINKS_MARK = 51820, 51821
UNASSIGNED_TYPE = 0x88B5
NOBODY = 1000
BROADCAST = b"\xff" * 6
BIND = socket.SOL_SOCKET, socket.SO_BINDTODEVICE
MARK = socket.SOL_SOCKET, 36, TUNNELS_MARK
LINKS = socket.SOL_SOCKET, 36, LINKS_MARK
"""The marks of replies to clients of other networks, and of published ports."""
PAST_QUEUES = 263, 20, 1
"""SOL_PACKET, PACKET_QDISC_BYPASS, on."""
IP_UNICAST_IF, IPV6_UNICAST_IF, IP_PKTINFO, IPV6_PKTINFO = 50, 76, 8, 50
SIOCGIFADDR = 0x8915

Attempt = Callable[[], object]


def others() -> Iterator[str]:
    """Yield the devices of other networks than tunnels, and of published ports."""
    for _, name in socket.if_nameindex():
        if name.startswith(("eth", "wgpub")):
            yield name


def own_address(device: str, like: str) -> str:
    """Return a device's own address of the family of another one."""
    if not is_ipv6(like):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            found = fcntl.ioctl(sock, SIOCGIFADDR, struct.pack("256s", device.encode()))
        return socket.inet_ntoa(found[20:24])
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        address, _, _, scope, _, name = line.split()
        if name == device and scope == "00":
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
    raise OSError("no address")


def by_socket(address: str, payload: bytes, *option: Any) -> None:
    """Send over UDP, TCP and ICMP, from sockets with an option."""
    icmp = socket.IPPROTO_ICMPV6 if is_ipv6(address) else socket.IPPROTO_ICMP
    echo = struct.pack("!BBHHH", 128 if is_ipv6(address) else 8, 0, 0, 1, 1) + payload
    kinds = (
        (socket.SOCK_DGRAM, 0, payload),
        (socket.SOCK_STREAM, 0, b""),
        (socket.SOCK_DGRAM, icmp, echo),
    )
    for kind, protocol, data in kinds:
        with (
            contextlib.suppress(OSError),
            socket.socket(family(address), kind | socket.SOCK_NONBLOCK, protocol) as sock,
        ):
            if option:
                sock.setsockopt(*option)
            if data:
                sock.sendto(data, (address, PORT))
            else:
                sock.connect_ex((address, PORT))


def plain(address: str, payload: bytes) -> Iterator[Attempt]:
    yield partial(by_socket, address, payload)


def marked(address: str, payload: bytes) -> Iterator[Attempt]:
    """Give packets the marks of replies to clients."""
    for mark in (MARK, LINKS):
        yield partial(by_socket, address, payload, *mark)


def bound(address: str, payload: bytes) -> Iterator[Attempt]:
    """Choose the device: for the socket, for its unicasts, and for one packet."""
    choice = socket.IPPROTO_IP, IP_UNICAST_IF
    if is_ipv6(address):
        choice = socket.IPPROTO_IPV6, IPV6_UNICAST_IF
    for device in others():
        index = socket.if_nametoindex(device)
        yield partial(by_socket, address, payload, *BIND, device.encode())
        yield partial(by_socket, address, payload, *choice, struct.pack("!I", index))
        yield partial(one_packet, address, payload, index)


def one_packet(address: str, payload: bytes, index: int) -> None:
    if is_ipv6(address):
        level, kind, info = socket.IPPROTO_IPV6, IPV6_PKTINFO, bytes(16) + struct.pack("=i", index)
    else:
        level, kind, info = socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=i8x", index)
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.sendmsg([payload], [(level, kind, info)], 0, (address, PORT))


def spoofed(address: str, payload: bytes) -> Iterator[Attempt]:
    """Let conntrack believe that the address began a connection, then answer it."""
    for device in others():
        yield partial(answer, address, payload, device)


def answer(address: str, payload: bytes, device: str) -> None:
    own = own_address(device, address)
    forged = udp(address, PORT, own, OWN_PORT, payload)
    with (
        socket.socket(family(address), socket.SOCK_DGRAM) as sock,
        socket.socket(family(address), socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
    ):
        sock.bind((own, OWN_PORT))
        sock.settimeout(PAUSE)
        raw.sendto(forged, (own, 0))
        with contextlib.suppress(OSError):
            sock.recv(1500)
        sock.sendto(payload, (address, PORT))


def frames(address: str, payload: bytes) -> Iterator[Attempt]:
    """Make frames: truthful ones, with a false type for the kernel, past queues, marked, tagged.

    Each has a source port of its own, by which it is found in a capture.
    """
    kind = ether_type(address)
    for device in others():
        mac = bytes.fromhex(Path(f"/sys/class/net/{device}/address").read_text().replace(":", ""))
        own = own_address(device, address)
        packets = [udp(own, port, address, PORT, payload) for port in range(OWN_PORT, OWN_PORT + 8)]
        tag = struct.pack("!HH", 1, kind)
        for packet, told, option in (
            (packets[0], kind, ()),
            (packets[1], ARP, ()),
            (packets[2], kind, PAST_QUEUES),
            (packets[3], kind, MARK),
            (packets[7], kind, LINKS),
        ):
            yield partial(send_frame, frame_of(mac, kind, packet), device, told, *option)
        yield partial(send_frame, frame_of(mac, VLAN, tag + packets[4]), device, kind)
        yield partial(send_frame, frame_of(mac, UNASSIGNED_TYPE, packets[5]), device, ARP)
        yield partial(send_packet, packets[6], device, kind)


def frame_of(mac: bytes, kind: int, packet: bytes) -> bytes:
    return ethernet(BROADCAST, mac, kind, packet)


def send_frame(frame: bytes, device: str, kind: int, *option: int) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        if option:
            sock.setsockopt(*option)
        sock.sendto(frame, (device, kind))


def send_packet(packet: bytes, device: str, kind: int) -> None:
    """Leave the frame's header to the kernel."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as sock:
        sock.sendto(packet, (device, kind, 0, 1, BROADCAST))


def everything(address: str, payload: bytes) -> Iterator[Attempt]:
    for way in (plain, marked, bound, spoofed):
        yield from way(address, payload)


def give_up_privileges() -> None:
    """Become a user without any capability."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    status = Path("/proc/self/status").read_text()
    assert "\nCapEff:\t0000000000000000\n" in status, status


WAYS = {
    "plain": plain,
    "marked": marked,
    "bound": bound,
    "spoofed": spoofed,
    "frames": frames,
    "everything": everything,
}


def send_all(way: str, address: str, payload: bytes) -> None:
    # Devices come and go meanwhile.
    with contextlib.suppress(OSError):
        for attempt in WAYS[way](address, payload):
            with contextlib.suppress(OSError):
                attempt()


def note_round() -> None:
    with PROGRESS.open("ab") as file:
        file.write(b".")


def main(way: str, marker: str, rounds: str, *addresses: str) -> None:
    if way == "bound":
        give_up_privileges()
    for number in itertools.count(1):
        for address in addresses:
            send_all(way, address, marker.encode())
        time.sleep(PAUSE)
        if number == int(rounds):
            return
        if rounds == "0":
            note_round()


if __name__ == "__main__":
    main(*sys.argv[1:])
