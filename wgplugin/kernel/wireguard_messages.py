"""WireGuard's generic netlink messages as bytes, from linux/wireguard.h. Pure.

An attribute's length has 16 bits, so a device with many allowed IPs takes several messages.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from wgplugin.kernel.attributes import NESTED, TYPE, Attribute, number, pack, text, unpack
from wgplugin.model.device import (
    AllowedIP,
    Device,
    DeviceConfig,
    Key,
    Peer,
    PeerConfig,
    SocketAddress,
)

FAMILY = "wireguard"
VERSION = 1
GET_DEVICE = 0
SET_DEVICE = 1

DEVICE_IFINDEX = 1
DEVICE_IFNAME = 2
DEVICE_PRIVATE_KEY = 3
DEVICE_PUBLIC_KEY = 4
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
PEER_LAST_HANDSHAKE = 6
PEER_RECEIVED = 7
PEER_SENT = 8
PEER_ALLOWED_IPS = 9 | NESTED
PEER_REMOVE = 1
PEER_REPLACE_ALLOWED_IPS = 2

ALLOWED_IP_FAMILY = 1
ALLOWED_IP_ADDRESS = 2
ALLOWED_IP_CIDR = 3

MESSAGE_SIZE = 32 * 1024
ALLOWED_IPS_AT_ONCE = 256

ALLOWED_IPS_REMEMBERED = 256
"""The number of peers, or parts of large ones, whose allowed IPs are the same objects again."""


def device_attribute(device: str | int) -> Attribute:
    """Return the attribute that stands for a device, given its name or its index."""
    if isinstance(device, str):
        return DEVICE_IFNAME, device.encode() + b"\0"
    return DEVICE_IFINDEX, struct.pack("=I", device)


def set_device(device: str | int, config: DeviceConfig) -> Iterator[list[Attribute]]:
    """Yield the attributes of each WG_CMD_SET_DEVICE message, in the order to send them.

    The first message has the device's own settings. A peer with many allowed IPs continues in the
    next message, which has only its public key and the further allowed IPs.
    """
    name = device_attribute(device)
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
    key = pack(PEER_PUBLIC_KEY, peer.public_key.raw)
    settings = b"".join(pack(kind, value) for kind, value in _peer_settings(peer))
    for start in range(0, max(len(peer.allowed_ips), 1), ALLOWED_IPS_AT_ONCE):
        batch = peer.allowed_ips[start : start + ALLOWED_IPS_AT_ONCE]
        allowed_ips = pack(PEER_ALLOWED_IPS, b"".join(map(_allowed_ip, batch)))
        yield pack(NESTED, key + settings + allowed_ips)
        settings = b""


def _peer_settings(peer: PeerConfig) -> Iterator[Attribute]:
    if peer.preshared_key is not None:
        yield PEER_PRESHARED_KEY, peer.preshared_key.raw
    flags = PEER_REMOVE * peer.remove | PEER_REPLACE_ALLOWED_IPS * peer.replace_allowed_ips
    if flags:
        yield PEER_FLAGS, struct.pack("=I", flags)
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
    return pack(
        NESTED,
        pack(ALLOWED_IP_FAMILY, struct.pack("=H", family))
        + pack(ALLOWED_IP_ADDRESS, net.network_address.packed)
        + pack(ALLOWED_IP_CIDR, struct.pack("=B", net.prefixlen)),
    )


def ifname(messages: Sequence[Iterable[Attribute]]) -> str:
    """Return the device's name from the messages of one answer to WG_CMD_GET_DEVICE."""
    return text(dict(messages[0])[DEVICE_IFNAME])


def device(messages: Iterable[Iterable[Attribute]]) -> Device:
    """Return the device from the messages of one answer to WG_CMD_GET_DEVICE.

    A peer with many allowed IPs continues in the next message.
    """
    settings: dict[int, bytes] = {}
    peers: dict[Key, Peer] = {}
    for kind, value in (attribute for message in messages for attribute in message):
        if kind & TYPE != DEVICE_PEERS & TYPE:
            settings[kind] = value
            continue
        for _, part in unpack(value):
            peer = _peer(dict(unpack(part)))
            before = peers.get(peer.public_key)
            if before:
                peer = replace(before, allowed_ips=before.allowed_ips + peer.allowed_ips)
            peers[peer.public_key] = peer
    return Device(
        private_key=_key(settings.get(DEVICE_PRIVATE_KEY)),
        public_key=_key(settings.get(DEVICE_PUBLIC_KEY)),
        listen_port=_number(settings.get(DEVICE_LISTEN_PORT)),
        fwmark=_number(settings.get(DEVICE_FWMARK)),
        peers=tuple(peers.values()),
    )


def _peer(found: dict[int, bytes]) -> Peer:
    seconds, nanoseconds = struct.unpack("=qq", found.get(PEER_LAST_HANDSHAKE, bytes(16)))
    return Peer(
        public_key=Key(found[PEER_PUBLIC_KEY]),
        preshared_key=_key(found.get(PEER_PRESHARED_KEY)),
        endpoint=_socket_address(found.get(PEER_ENDPOINT, b"")),
        persistent_keepalive=_number(found.get(PEER_PERSISTENT_KEEPALIVE)),
        last_handshake=seconds + nanoseconds / 1e9,
        received=_number(found.get(PEER_RECEIVED)),
        sent=_number(found.get(PEER_SENT)),
        allowed_ips=_allowed_ips(found.get(PEER_ALLOWED_IPS & TYPE, b"")),
    )


# What didn't change since the last look then compares fast.
@lru_cache(ALLOWED_IPS_REMEMBERED)
def _allowed_ips(value: bytes) -> tuple[AllowedIP, ...]:
    return tuple(_network(dict(unpack(each))) for _, each in unpack(value))


def _network(found: dict[int, bytes]) -> AllowedIP:
    address, length = found[ALLOWED_IP_ADDRESS], found[ALLOWED_IP_CIDR][0]
    kind = IPv4Network if len(address) == 4 else IPv6Network
    return kind((int.from_bytes(address, "big"), length))


def _socket_address(value: bytes) -> SocketAddress | None:
    if not value:
        return None
    family, port = struct.unpack_from("=H", value)[0], struct.unpack_from(">H", value, 2)[0]
    if family == socket.AF_INET:
        return SocketAddress(IPv4Address(value[4:8]), port)
    scope_id = struct.unpack_from("=I", value, 24)[0]
    return SocketAddress(IPv6Address(value[8:24]), port, scope_id)


def _key(value: bytes | None) -> Key | None:
    return Key(value) if value and any(value) else None


def _number(value: bytes | None) -> int:
    return number(value or b"")
