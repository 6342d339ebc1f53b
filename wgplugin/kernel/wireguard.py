"""A generic netlink socket to WireGuard, in the network namespace of the thread that opens it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache

from wgplugin.kernel import wireguard_messages
from wgplugin.kernel.attributes import Attribute, number, pack, unpack
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.model.device import Device, DeviceConfig

_GENERIC = 16
_CONTROLLER, _GET_FAMILY = 16, 3
_FAMILY_ID, _FAMILY_NAME = 1, 2
_HEADER = struct.Struct("=BBH")


class WireGuardSocket:
    """Configures and reads the WireGuard devices of one namespace.

    A device is given by its name or its index. Every method raises OSError if the kernel refuses.
    """

    __slots__ = ("_socket",)

    def __init__(self) -> None:
        self._socket = NetlinkSocket(_GENERIC)

    def close(self) -> None:
        """Close the socket; until then it keeps its namespace alive."""
        self._socket.close()

    def set(self, device: str | int, config: DeviceConfig) -> None:
        """Change a device's configuration."""
        for attributes in wireguard_messages.set_device(device, config):
            body = _message(wireguard_messages.SET_DEVICE, attributes)
            self._socket.request(_family(), body)

    def get(self, device: str | int) -> tuple[str, Device]:
        """Return a device's name, and its configuration and state with all its peers."""
        wanted = wireguard_messages.device_attribute(device)
        body = _message(wireguard_messages.GET_DEVICE, [wanted])
        answer = self._socket.dump(_family(), body)
        found = [tuple(unpack(message[_HEADER.size :])) for message in answer]
        return wireguard_messages.ifname(found), wireguard_messages.device(found)


def _message(command: int, attributes: Iterable[Attribute]) -> bytes:
    head = _HEADER.pack(command, wireguard_messages.VERSION, 0)
    return head + b"".join(pack(kind, value) for kind, value in attributes)


# The number lasts as long as WireGuard is loaded.
@cache
def _family() -> int:
    """Return the number of WireGuard's messages; raise OSError if the kernel has no WireGuard."""
    connection = NetlinkSocket(_GENERIC)
    try:
        name = pack(_FAMILY_NAME, wireguard_messages.FAMILY.encode() + b"\0")
        answer = connection.ask(_CONTROLLER, _HEADER.pack(_GET_FAMILY, 1, 0) + name)
    finally:
        connection.close()
    return number(dict(unpack(answer[_HEADER.size :]))[_FAMILY_ID])
