"""What Docker knows of networks, containers and plugins, by its API on its socket."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from wgplugin.cli import client
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.networks.calls import Answer

SOCKET = Path("/run/docker.sock")

OPTION = "wireguard-config"
PLUGIN_SOCKET, MOUNT = "wireguard.sock", "config"
"""By which the plugin is known, whatever its name; and its configuration folder."""

T = TypeVar("T")

_OK, _NOT_FOUND = 200, 404


class _Network(msgspec.Struct, rename="pascal"):
    id: str


class _Attachment(msgspec.Struct):
    endpoint_id: str = msgspec.field(name="EndpointID", default="")


class _Settings(msgspec.Struct, rename="pascal"):
    networks: dict[str, _Attachment | None] | None = None


class _Container(msgspec.Struct, rename="pascal"):
    network_settings: _Settings


class _Pool(msgspec.Struct, rename="pascal"):
    subnet: str
    range: str = msgspec.field(name="IPRange", default="")
    gateway: str = ""


class _Ipam(msgspec.Struct, rename="pascal"):
    config: list[_Pool] | None = None


class _Listed(msgspec.Struct, rename="pascal"):
    options: dict[str, str] | None = None
    ipam: _Ipam = msgspec.field(name="IPAM", default_factory=_Ipam)


class _Mount(msgspec.Struct, rename="pascal"):
    name: str
    source: str | None = ""


class _PluginSettings(msgspec.Struct, rename="pascal"):
    mounts: list[_Mount] | None = None


class _Interface(msgspec.Struct, rename="pascal"):
    socket: str = ""


class _PluginConfig(msgspec.Struct, rename="pascal"):
    interface: _Interface


class _Plugin(msgspec.Struct, rename="pascal"):
    enabled: bool
    settings: _PluginSettings
    config: _PluginConfig


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a network, and the address of the network's router in it."""

    prefix: Prefix
    gateway: IPAddress


def network_id(name: str) -> str:
    """Return the id of a network, given its name or a part of its id; empty if there is none.

    Raises:
        PluginError: Docker doesn't answer.
    """
    found = _inspect(f"/networks/{quote(name, safe='')}", _Network, name)
    return found.id if found else ""


def endpoint_ids(name: str) -> frozenset[str]:
    """Return a running container's endpoints, given its name or id; none if there isn't such a one.

    Raises:
        PluginError: Docker doesn't answer.
    """
    found = _inspect(f"/containers/{quote(name, safe='')}/json", _Container, name)
    networks = (found and found.network_settings.networks) or {}
    return frozenset(each.endpoint_id for each in networks.values() if each and each.endpoint_id)


def subnets_of(configuration: str) -> tuple[Subnet, ...]:
    """Return the subnets of the networks that have a configuration.

    Raises:
        PluginError: Docker doesn't answer.
    """
    networks = _ask("/networks", list[_Listed]) or []
    mine = [each for each in networks if (each.options or {}).get(OPTION) == configuration]
    found = [_subnet(each) for network in mine for each in network.ipam.config or ()]
    # The null IPAM driver has a pool of everything, which is no subnet.
    return tuple(each for each in found if each.prefix.prefixlen)


def configuration_folders() -> tuple[Path, ...]:
    """Return the configuration folders of the WireGuard plugins, as the host has them.

    Those of enabled plugins come first.

    Raises:
        PluginError: Docker doesn't answer.
    """
    plugins = _ask("/plugins", list[_Plugin]) or []
    mine = [each for each in plugins if each.config.interface.socket == PLUGIN_SOCKET]
    mounts = (
        mount
        for plugin in sorted(mine, key=lambda each: not each.enabled)
        for mount in plugin.settings.mounts or ()
    )
    return tuple(
        dict.fromkeys(Path(each.source) for each in mounts if each.name == MOUNT and each.source)
    )


def _subnet(found: _Pool) -> Subnet:
    prefix = ip_network(found.subnet)
    if found.gateway:
        return Subnet(prefix, ip_address(found.gateway.partition("/")[0]))
    # Docker doesn't tell a gateway that it has chosen itself: the first free address.
    first = ip_network(found.range or found.subnet).network_address
    return Subnet(prefix, first + 1 if first == prefix.network_address else first)


def _inspect(target: str, kind: type[Answer], name: str) -> Answer | None:
    try:
        return _ask(target, kind)
    except PluginError as error:
        raise PluginError(
            error.code,
            f"{name} can't be looked up, as {error.message}; give an id that docker wireguard "
            "status shows",
        ) from None


def _ask(target: str, kind: type[T]) -> T | None:
    # Without a version in its path, a request is of the newest API that the engine has: releases
    # 20.10 and 29 have no version in common.
    try:
        code, body = client.request(SOCKET, target)
        if code == _NOT_FOUND:
            return None
        if code == _OK:
            return msgspec.json.decode(body, type=kind)
        why = f"it answers with {code}"
    except (OSError, ValueError) as error:
        why = str(error)
    raise PluginError(Code.NO_ENGINE, f"Docker doesn't answer at {SOCKET} ({why})")
