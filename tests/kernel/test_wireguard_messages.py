"""WireGuard's netlink messages, read back by a decoder of their own."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from wgplugin.kernel import wireguard_messages
from wgplugin.model.device import DeviceConfig, Key, PeerConfig, SocketAddress

LARGEST_ATTRIBUTE = 0xFFFF


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read attributes as the kernel does: native lengths and types, padded to four bytes."""
    while data:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[length + 3 & ~3 :]


def key(number: int) -> Key:
    return Key(number.to_bytes(32, "big"))


def allowed_ips(peer: dict[int, bytes]) -> list[str]:
    result = []
    for _, item in attributes(peer.get(9, b"")):
        fields = dict(attributes(item))
        (family,) = struct.unpack("=H", fields[1])
        result.append(f"{socket.inet_ntop(family, fields[2])}/{fields[3][0]}")
    return result


def peers(message: list[tuple[int, bytes]]) -> list[dict[int, bytes]]:
    value = {kind & 0x3FFF: value for kind, value in message}[8]
    assert len(value) + 4 <= LARGEST_ATTRIBUTE
    return [dict(attributes(peer)) for _, peer in attributes(value)]


def test_device_settings_that_are_none_are_left_alone() -> None:
    (message,) = wireguard_messages.set_device("wg0", DeviceConfig())
    assert [kind & 0x3FFF for kind, _ in message] == [2, 8]
    assert message[0] == (2, b"wg0\0")


def test_device_settings_have_the_types_of_the_kernel() -> None:
    config = DeviceConfig(key(1), listen_port=51820, fwmark=0xCA6C, replace_peers=True)
    (message,) = wireguard_messages.set_device("wg0", config)
    assert dict(message[1:-1]) == {
        3: key(1).raw,
        5: struct.pack("=I", 1),
        6: struct.pack("=H", 51820),
        7: struct.pack("=I", 0xCA6C),
    }


def test_zero_is_a_setting_and_not_left_alone() -> None:
    config = DeviceConfig(listen_port=0, fwmark=0, peers=(PeerConfig(key(1), None, None, 0),))
    (message,) = wireguard_messages.set_device("wg0", config)
    assert dict(message)[6] == bytes(2)
    assert dict(message)[7] == bytes(4)
    assert peers(message)[0][5] == bytes(2)


def test_peer_has_all_its_settings() -> None:
    peer = PeerConfig(
        public_key=key(1),
        preshared_key=key(2),
        endpoint=SocketAddress(IPv4Address("192.0.2.1"), 51820),
        persistent_keepalive=25,
        replace_allowed_ips=True,
        allowed_ips=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    )
    (message,) = wireguard_messages.set_device("wg0", DeviceConfig(peers=(peer,)))
    (decoded,) = peers(message)
    assert decoded[1] == key(1).raw
    assert decoded[2] == key(2).raw
    assert decoded[3] == struct.pack("=I", 2)
    assert struct.unpack("=H2s4s8x", decoded[4]) == (2, b"\xca\x6c", bytes([192, 0, 2, 1]))
    assert decoded[5] == struct.pack("=H", 25)
    assert allowed_ips(decoded) == ["10.0.0.0/8", "fd00::/8"]


def test_ipv6_endpoint_keeps_its_zone() -> None:
    host = IPv6Address("fe80::1")
    peer = PeerConfig(key(1), endpoint=SocketAddress(host, 1, scope_id=7))
    (message,) = wireguard_messages.set_device("wg0", DeviceConfig(peers=(peer,)))
    sockaddr = struct.unpack("=H2sI16sI", peers(message)[0][4])
    assert sockaddr == (socket.AF_INET6, b"\0\1", 0, host.packed, 7)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 1500), max_size=6))
def test_any_number_of_allowed_ips_arrives_in_order_and_settings_once(counts: list[int]) -> None:
    wanted = [
        PeerConfig(
            public_key=key(number),
            persistent_keepalive=number,
            replace_allowed_ips=True,
            allowed_ips=tuple(IPv6Network((number << 64 | i, 128)) for i in range(count)),
        )
        for number, count in enumerate(counts)
    ]
    got: dict[bytes, list[str]] = {}
    settings: list[bytes] = []
    config = DeviceConfig(private_key=key(99), replace_peers=True, peers=tuple(wanted))
    for number, message in enumerate(wireguard_messages.set_device("wg0", config)):
        # The peers are replaced by the message that sets the private key.
        assert (3 in dict(message)) == (5 in dict(message)) == (number == 0)
        for peer in peers(message) if config.peers else ():
            got.setdefault(peer[1], []).extend(allowed_ips(peer))
            settings += [peer[1]] if 3 in peer else []
    assert got == {p.public_key.raw: [str(net) for net in p.allowed_ips] for p in wanted}
    assert settings == [p.public_key.raw for p in wanted]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 1500), max_size=4))
def test_peers_that_are_set_and_removed_arrive_in_order(counts: list[int]) -> None:
    wanted = []
    for number, count in enumerate(counts):
        nets = tuple(IPv6Network((number << 64 | i, 128)) for i in range(count))
        wanted += [PeerConfig(key(number), allowed_ips=nets), PeerConfig(key(number), remove=True)]
    got: list[tuple[bytes, bool]] = []
    for message in wireguard_messages.set_device("wg0", DeviceConfig(peers=tuple(wanted))):
        for peer in peers(message) if wanted else ():
            step = (peer[1], peer.get(3) == struct.pack("=I", 1))
            got += [] if got[-1:] == [step] else [step]
    assert got == [(peer.public_key.raw, peer.remove) for peer in wanted]


def pack(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def shown_peer(number: int, *nets: str, **fields: bytes) -> bytes:
    """Return a peer as the kernel shows it."""
    items = b"".join(
        pack(
            0,
            pack(1, struct.pack("=H", 2 if "." in net else 10))
            + pack(2, ip_network(net).network_address.packed)
            + pack(3, bytes([ip_network(net).prefixlen])),
        )
        for net in nets
    )
    settings = b"".join(pack(int(kind[1:]), value) for kind, value in fields.items())
    return pack(0, pack(1, key(number).raw) + settings + pack(9 | 1 << 15, items))


def test_device_is_read_as_the_kernel_shows_it() -> None:
    ipv6 = struct.pack("=H2s4x16sI", 10, b"\xca\x6c", IPv6Address("fe80::1").packed, 3)
    ipv4 = struct.pack("=H", 2) + bytes([0, 1, 192, 0, 2, 1])
    fields = {
        "_2": key(7).raw,
        "_4": ipv6,
        "_5": struct.pack("=H", 25),
        "_6": struct.pack("=qq", 1000, 500_000_000),
        "_7": struct.pack("=Q", 1 << 40),
        "_8": struct.pack("=Q", 5),
    }
    first = shown_peer(1, "10.0.0.0/8", "fd00::/8", **fields)
    device = wireguard_messages.device(
        [
            [(2, b"wg0\0"), (3, key(9).raw), (4, key(8).raw), (6, b"\x6c\xca"), (8, first)],
            [
                (
                    8,
                    shown_peer(1, "10.1.0.0/16") + shown_peer(2, _4=ipv4),
                )
            ],
        ]
    )
    assert (device.private_key, device.public_key) == (key(9), key(8))
    assert device.listen_port == struct.unpack("=H", b"\x6c\xca")[0]
    one, two = device.peers
    assert one.preshared_key == key(7)
    assert one.endpoint == SocketAddress(IPv6Address("fe80::1"), 51820, 3)
    assert (one.persistent_keepalive, one.last_handshake) == (25, 1000.5)
    assert (one.received, one.sent) == (1 << 40, 5)
    assert list(map(str, one.allowed_ips)) == ["10.0.0.0/8", "fd00::/8", "10.1.0.0/16"]
    assert two.endpoint == SocketAddress(IPv4Address("192.0.2.1"), 1)
    assert (two.preshared_key, two.last_handshake, two.allowed_ips) == (None, 0.0, ())


def test_peer_to_be_removed_is_marked() -> None:
    (message,) = wireguard_messages.set_device(
        "wg0", DeviceConfig(peers=(PeerConfig(key(1), remove=True),))
    )
    assert peers(message)[0][3] == struct.pack("=I", 1)


def test_allowed_ips_that_did_not_change_are_the_same_objects_at_the_next_look() -> None:
    def look() -> tuple[object, ...]:
        shown = shown_peer(1, "10.0.0.0/8", "fd00::/8") + shown_peer(2, "10.0.0.0/8", "fd00::/8")
        return tuple(each.allowed_ips for each in wireguard_messages.device([[(8, shown)]]).peers)

    first, second = look(), look()
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert first[0] is first[1]


def test_device_is_given_by_its_name_or_its_index() -> None:
    (message,) = wireguard_messages.set_device(7, DeviceConfig())
    assert message[0] == (1, struct.pack("=I", 7))


def test_name_of_a_device_is_told() -> None:
    assert wireguard_messages.ifname([[(1, b"\7\0\0\0"), (2, b"wg0\0")]]) == "wg0"
