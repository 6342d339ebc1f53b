"""The least cost of an attachment: the same netlink messages, with nothing around them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from bench.attachments import allowed_ips, key, peer_host
from wgplugin.kernel import wireguard_messages
from wgplugin.model.device import DeviceConfig, Key, PeerConfig, SocketAddress

MTU = 1420
PORT = 51820

# Names and numbers: linux/netlink.h, rtnetlink.h, if_link.h, genetlink.h.
NETLINK_ROUTE, NETLINK_GENERIC = 0, 16
RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK = 16, 17, 19
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
NLMSG_ERROR = 2
IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_IFALIAS = 3, 4, 18, 20
IFLA_INFO_KIND = 1
IP_MTU = 14
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2


class Floor:
    """A raw netlink client that makes, configures and deletes a device, by prepared messages."""

    def __init__(self, name: str, peers: int) -> None:
        """Prepare the messages for configuration(name, peers)."""
        self._links = _socket(NETLINK_ROUTE)
        self._devices = _socket(NETLINK_GENERIC)
        ifname = (IFLA_IFNAME, _text(name))
        kind = (IFLA_LINKINFO, _attributes([(IFLA_INFO_KIND, b"wireguard")]))
        new = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
        self._hosts = [peer_host(number) for number in range(peers)]
        self._attach = [
            _link(RTM_NEWLINK, new, [ifname, (IFLA_MTU, struct.pack("=I", MTU)), kind]),
            _link(RTM_SETLINK, NLM_F_ACK, [ifname, (IFLA_IFALIAS, name.encode())]),
        ]
        family = self._family()
        self._configure = [
            _generic(family, NLM_F_ACK, wireguard_messages.SET_DEVICE, attributes)
            for attributes in wireguard_messages.set_device(name, planned_device(name, peers))
        ]
        self._detach = _link(RTM_DELLINK, NLM_F_ACK, [ifname])

    def __enter__(self) -> Floor:
        return self

    def __exit__(self, *_: object) -> None:
        self._links.close()
        self._devices.close()

    def attach(self) -> None:
        """Look up the path to each peer, make the device, configure it."""
        for host in self._hosts:
            _path_mtu(host)
        for message in self._attach:
            _ask(self._links, message)
        for message in self._configure:
            _ask(self._devices, message)

    def detach(self) -> None:
        """Delete the device."""
        _ask(self._links, self._detach)

    def _family(self) -> int:
        name = [(CTRL_ATTR_FAMILY_NAME, _text(wireguard_messages.FAMILY))]
        answer = _ask(self._devices, _generic(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, name))
        start = answer.index(struct.pack("=HH", 6, CTRL_ATTR_FAMILY_ID))
        (family,) = struct.unpack_from("=H", answer, start + 4)
        return int(family)


def planned_device(name: str, peers: int) -> DeviceConfig:
    """Return the device that the plugin makes from configuration(name, peers)."""
    return DeviceConfig(
        private_key=Key(key(name)),
        replace_peers=True,
        peers=tuple(
            PeerConfig(
                public_key=Key(key(f"peer {number}")),
                endpoint=SocketAddress(IPv4Address(peer_host(number)), PORT),
                replace_allowed_ips=True,
                allowed_ips=tuple(map(IPv4Network, allowed_ips(number))),
            )
            for number in range(peers)
        ),
    )


def _socket(protocol: int) -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)


def _ask(connection: socket.socket, message: bytes) -> bytes:
    """Send a message; return the answer. Raise OSError if it is an error."""
    connection.send(message)
    answer = connection.recv(1 << 16)
    kind, error = struct.unpack_from("=4xH10xi", answer)
    if kind == NLMSG_ERROR and error:
        raise OSError(-error, os.strerror(-error))
    return answer


def _path_mtu(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, PORT))
        return probe.getsockopt(socket.IPPROTO_IP, IP_MTU)


def _link(kind: int, flags: int, attributes: Iterable[tuple[int, bytes]]) -> bytes:
    return _message(kind, flags, struct.pack("=BxHiII", 0, 0, 0, 0, 0), attributes)


def _generic(
    family: int, flags: int, command: int, attributes: Iterable[tuple[int, bytes]]
) -> bytes:
    return _message(family, flags, struct.pack("=BBH", command, 1, 0), attributes)


def _message(
    kind: int, flags: int, header: bytes, attributes: Iterable[tuple[int, bytes]]
) -> bytes:
    body = header + _attributes(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 0, 0) + body


def _attributes(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(
        struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
        for kind, value in pairs
    )


def _text(name: str) -> bytes:
    return name.encode() + b"\0"
