"""Packets as bytes, for tests to send what no ordinary socket would."""

import socket
import struct
from ipaddress import ip_address

UDP, ICMPV6 = socket.IPPROTO_UDP, socket.IPPROTO_ICMPV6
IPV4, ARP, IPV6 = b"\x08\x00", b"\x08\x06", b"\x86\xdd"
STRANGER = bytes.fromhex("020000000001")
ALL_NODES = bytes.fromhex("333300000001")
ROUTER_ADVERTISEMENT, REDIRECT = 134, 137


def datagram(source: str, port: int, destination: str, to: int, payload: bytes) -> bytes:
    """Return an IP packet with a UDP datagram."""
    header = struct.pack("!HHHH", port, to, 8 + len(payload), 0)
    return packet(source, destination, UDP, header + payload, 6)


def router_advertisement(source: str, prefix: str, length: int) -> bytes:
    """Return an advertisement of a router and of a prefix that is on its link (RFC 4861)."""
    on_link = 0x80
    option = struct.pack("!BBBBIII", 3, 4, length, on_link, 600, 600, 0)
    option += ip_address(prefix).packed
    message = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, 1800, 0, 0) + option
    return packet(source, "ff02::1", ICMPV6, message, 2)


def packet(source: str, destination: str, protocol: int, content: bytes, place: int) -> bytes:
    """Return an IP packet; ``place`` is where its content has a checksum."""
    ends = ip_address(source).packed + ip_address(destination).packed
    pseudo = ends + struct.pack("!II", len(content), protocol)
    value = struct.pack("!H", checksum(pseudo + content) or 0xFFFF)
    content = content[:place] + value + content[place + 2 :]
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(content), protocol, 255) + ends + content
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 1, 0, 64, protocol, 0) + ends
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + content


def frame(content: bytes, to: bytes = STRANGER) -> bytes:
    """Return an Ethernet frame with an IP packet."""
    return to + STRANGER + (IPV6 if content[0] >> 4 == 6 else IPV4) + content


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
