"""A generic netlink socket to WireGuard, in the network namespace of the thread that opens it."""

from __future__ import annotations

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, genlmsg

from wgplugin.kernel import wireguard_messages
from wgplugin.kernel.attributes import Attribute
from wgplugin.kernel.netlink import generic_netlink, request
from wgplugin.model.device import Device, DeviceConfig


class _DeviceMessage(genlmsg):  # type: ignore[misc]
    """A message with ready-made attributes, by wireguard_messages."""

    nla_map = tuple((kind, str(kind), "cdata") for kind in wireguard_messages.DEVICE_ATTRIBUTES)


class WireGuardSocket:
    """Configures and reads the WireGuard devices of one namespace.

    Every method raises pyroute2's NetlinkError if the kernel refuses.
    """

    def __init__(self) -> None:
        self._socket = generic_netlink()
        self._socket.bind(wireguard_messages.FAMILY, _DeviceMessage)

    def __enter__(self) -> WireGuardSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; until then it keeps its namespace alive."""
        self._socket.close()

    def set(self, ifname: str, config: DeviceConfig) -> None:
        """Change a device's configuration."""
        for attributes in wireguard_messages.set_device(ifname, config):
            request(
                self._socket, _message(wireguard_messages.SET_DEVICE, attributes), self._socket.prid
            )

    def get(self, ifname: str) -> Device:
        """Return a device's configuration and state, with all its peers."""
        name = (wireguard_messages.DEVICE_IFNAME, ifname.encode() + b"\0")
        messages = self._socket.nlm_request(
            _message(wireguard_messages.GET_DEVICE, [name]),
            self._socket.prid,
            NLM_F_REQUEST | NLM_F_DUMP,
        )
        return wireguard_messages.device(
            [(int(attribute[0]), attribute[1]) for attribute in message["attrs"]]
            for message in messages
        )


def _message(command: int, attributes: list[Attribute]) -> _DeviceMessage:
    message = _DeviceMessage()
    message["cmd"] = command
    message["version"] = wireguard_messages.VERSION
    message["attrs"] = [(str(kind), value) for kind, value in attributes]
    return message
