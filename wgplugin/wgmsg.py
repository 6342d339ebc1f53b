"""WireGuard's generic netlink messages as bytes, from linux/wireguard.h. Pure.

A device with many allowed IPs doesn't fit into one message: an attribute's length has 16 bits.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from wgplugin.wireguard import AllowedIP, DeviceConfig, PeerConfig, SocketAddress

FAMILY = "wireguard"
VERSION = 1
SET_DEVICE = 1

NESTED = 1 << 15

DEVICE_IFNAME = 2
DEVICE_PRIVATE_KEY = 3
DEVICE_FLAGS = 5
DEVICE_LISTEN_PORT = 6
DEVICE_FWMARK = 7
DEVICE_PEERS = 8 | NESTED
DEVICE_REPLACE_PEERS = 1

PEER_PUBLIC_KEY = 1
PEER_PRESHARED_KEY = 2
PEER_FLAGS = 3
PEER_ENDPOINT = 4
PEER_PERSISTENT_KEEPALIVE = 5
PEER_ALLOWED_IPS = 9 | NESTED
PEER_REPLACE_ALLOWED_IPS = 2

ALLOWED_IP_FAMILY = 1
ALLOWED_IP_ADDRESS = 2
ALLOWED_IP_CIDR = 3

MESSAGE_SIZE = 32 * 1024
ALLOWED_IPS_AT_ONCE = 256

DEVICE_ATTRIBUTES = (
    DEVICE_IFNAME,
    DEVICE_PRIVATE_KEY,
    DEVICE_FLAGS,
    DEVICE_LISTEN_PORT,
    DEVICE_FWMARK,
    DEVICE_PEERS,
)

Attribute = tuple[int, bytes]


def set_device(ifname: str, config: DeviceConfig) -> Iterator[list[Attribute]]:
    """Yield the attributes of each WG_CMD_SET_DEVICE message that makes the changes, in order.

    The device's own settings are in the first; a peer with many allowed IPs goes on in the next
    message, where only its public key and further allowed IPs stand.
    """
    name = (DEVICE_IFNAME, ifname.encode() + b"\0")
    head = [name, *_device_settings(config)]
    peers = b""
    for part in (part for peer in config.peers for part in _peer_parts(peer)):
        if peers and len(peers) + len(part) > MESSAGE_SIZE:
            yield [*head, (DEVICE_PEERS, peers)]
            head, peers = [name], b""
        peers += part
    yield [*head, (DEVICE_PEERS, peers)]


def _device_settings(config: DeviceConfig) -> Iterator[Attribute]:
    if config.private_key is not None:
        yield DEVICE_PRIVATE_KEY, config.private_key.raw
    if config.listen_port is not None:
        yield DEVICE_LISTEN_PORT, struct.pack("=H", config.listen_port)
    if config.fwmark is not None:
        yield DEVICE_FWMARK, struct.pack("=I", config.fwmark)
    if config.replace_peers:
        yield DEVICE_FLAGS, struct.pack("=I", DEVICE_REPLACE_PEERS)


def _peer_parts(peer: PeerConfig) -> Iterator[bytes]:
    key = _pack(PEER_PUBLIC_KEY, peer.public_key.raw)
    settings = b"".join(_pack(kind, value) for kind, value in _peer_settings(peer))
    for start in range(0, max(len(peer.allowed_ips), 1), ALLOWED_IPS_AT_ONCE):
        batch = peer.allowed_ips[start : start + ALLOWED_IPS_AT_ONCE]
        allowed_ips = _pack(PEER_ALLOWED_IPS, b"".join(map(_allowed_ip, batch)))
        yield _pack(NESTED, key + settings + allowed_ips)
        settings = b""


def _peer_settings(peer: PeerConfig) -> Iterator[Attribute]:
    if peer.preshared_key is not None:
        yield PEER_PRESHARED_KEY, peer.preshared_key.raw
    if peer.replace_allowed_ips:
        yield PEER_FLAGS, struct.pack("=I", PEER_REPLACE_ALLOWED_IPS)
    if peer.endpoint is not None:
        yield PEER_ENDPOINT, _sockaddr(peer.endpoint)
    if peer.persistent_keepalive is not None:
        yield PEER_PERSISTENT_KEEPALIVE, struct.pack("=H", peer.persistent_keepalive)


def _sockaddr(address: SocketAddress) -> bytes:
    port = struct.pack(">H", address.port)
    if isinstance(address.host, IPv4Address):
        return struct.pack("=H2s4s8x", socket.AF_INET, port, address.host.packed)
    return struct.pack("=H2s4x16sI", socket.AF_INET6, port, address.host.packed, address.scope_id)


def _allowed_ip(net: AllowedIP) -> bytes:
    family = socket.AF_INET if net.version == 4 else socket.AF_INET6
    return _pack(
        NESTED,
        _pack(ALLOWED_IP_FAMILY, struct.pack("=H", family))
        + _pack(ALLOWED_IP_ADDRESS, net.network_address.packed)
        + _pack(ALLOWED_IP_CIDR, struct.pack("=B", net.prefixlen)),
    )


def _pack(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
