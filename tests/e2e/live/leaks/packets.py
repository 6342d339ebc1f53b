"""Packets and frames as bytes."""

import socket
import struct

IPV4, ARP, VLAN, IPV6 = 0x0800, 0x0806, 0x8100, 0x86DD
ICMP_ECHO, ICMP_ANSWER, ICMPV6_ECHO, ICMPV6_ANSWER = 8, 0, 128, 129


def is_ipv6(address: str) -> bool:
    return ":" in address


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if is_ipv6(address) else socket.AF_INET


def packed(address: str) -> bytes:
    return socket.inet_pton(family(address), address)


def ether_type(address: str) -> int:
    return IPV6 if is_ipv6(address) else IPV4


def ethernet(to: bytes, source: bytes, kind: int, packet: bytes) -> bytes:
    return to + source + struct.pack("!H", kind) + packet


def udp(source: str, port: int, destination: str, to_port: int, payload: bytes) -> bytes:
    head = struct.pack("!4H", port, to_port, 8 + len(payload), 0)
    return _ip(source, destination, socket.IPPROTO_UDP, head + payload, 6)


def tcp(
    source: str, port: int, destination: str, to_port: int, flags: int, payload: bytes
) -> bytes:
    head = struct.pack("!HHIIBBHHH", port, to_port, 1, 1, 5 << 4, flags, 0xFFFF, 0, 0)
    return _ip(source, destination, socket.IPPROTO_TCP, head + payload, 16)


def echo(source: str, destination: str, payload: bytes) -> bytes:
    """Return an echo request, which ping sends."""
    if is_ipv6(source):
        data = struct.pack("!BBHHH", ICMPV6_ECHO, 0, 0, 7, 7) + payload
        return _ip(source, destination, socket.IPPROTO_ICMPV6, data, 2)
    data = struct.pack("!BBHHH", ICMP_ECHO, 0, 0, 7, 7) + payload
    data = data[:2] + struct.pack("!H", _checksum(data)) + data[4:]
    return _ip(source, destination, socket.IPPROTO_ICMP, data, None)


def arp_request(mac: bytes, source: str, target: str) -> bytes:
    head = struct.pack("!HHBBH", 1, IPV4, 6, 4, 1)
    return head + mac + packed(source) + bytes(6) + packed(target)


def query(name: str) -> bytes:
    """Return a DNS query for an IPv4 address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)


def _ip(
    source: str, destination: str, protocol: int, data: bytes, checksum_at: int | None
) -> bytes:
    ends = packed(source) + packed(destination)
    if checksum_at is not None:
        total = _checksum(ends + struct.pack("!II", len(data), protocol) + data) or 0xFFFF
        data = data[:checksum_at] + struct.pack("!H", total) + data[checksum_at + 2 :]
    if is_ipv6(source):
        return struct.pack("!IHBB", 6 << 28, len(data), protocol, 64) + ends + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0)
    return head[:10] + struct.pack("!H", _checksum(head + ends)) + ends + data


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
