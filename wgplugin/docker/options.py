"""The user's options: ``docker network create --opt`` and ``--driver-opt``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wgplugin.codes import Code
from wgplugin.conf.settings import OPTION_PREFIX, TUNNEL
from wgplugin.conf.values import BadValueError, interface_address, mtu
from wgplugin.docker.protocol import GENERIC_OPTIONS
from wgplugin.errors import PluginError
from wgplugin.model import pool
from wgplugin.model.addresses import ADDRESS_OPTION
from wgplugin.model.attachment import MTU_OPTION
from wgplugin.model.prefixes import InterfaceAddress

CONFIGURATION = "wireguard-config"
# A network may have these, and so may one container.
TUNNEL_OPTIONS = tuple(OPTION_PREFIX + name for name in TUNNEL)
NETWORK_OPTIONS = (CONFIGURATION, *TUNNEL_OPTIONS, MTU_OPTION)
# The router's, which all containers of a network have together.
_OF_NETWORKS = tuple(OPTION_PREFIX + name for name in ("mode", "isolate", "nat", "pick"))
ENDPOINT_OPTIONS = (
    ADDRESS_OPTION,
    *(option for option in TUNNEL_OPTIONS if option not in _OF_NETWORKS),
)

_NO_BRIDGE = "there is no bridge, so leave it out"
_NO_GATEWAY = "nothing is forwarded or masqueraded on the host, so leave it out"
_PUBLISH = "publish ports on a second network, which is a bridge, and give it this option"
_FAMILIES = "the file's Address decides this; for addresses of Docker's, create it with --ipv6"

# Sources: moby, libnetwork/netlabel/labels.go and libnetwork/drivers/bridge/labels.go.
_INSTEAD = {
    "com.docker.network.bridge.name": _NO_BRIDGE,
    "com.docker.network.bridge.default_bridge": _NO_BRIDGE,
    "com.docker.network.bridge.inhibit_ipv4": _NO_BRIDGE,
    "com.docker.network.bridge.enable_icc": "containers meet only through their peers, so leave "
    "it out; in a shared network use wireguard-isolate",
    "com.docker.network.bridge.enable_ip_masquerade": _NO_GATEWAY,
    "com.docker.network.bridge.gateway_mode_ipv4": _NO_GATEWAY,
    "com.docker.network.bridge.gateway_mode_ipv6": _NO_GATEWAY,
    "com.docker.network.bridge.host_binding_ipv4": _PUBLISH,
    "com.docker.network.bridge.host_binding_ipv6": _PUBLISH,
    "com.docker.network.bridge.trusted_host_interfaces": _PUBLISH,
    "com.docker.network.container_iface_prefix": "use wireguard-interface",
    "com.docker.network.enable_ipv4": _FAMILIES,
    "com.docker.network.enable_ipv6": _FAMILIES,
    "com.docker.network.host_ipv4": _NO_GATEWAY,
    "com.docker.network.host_ipv6": _NO_GATEWAY,
    "com.docker.network.internal": "create the network with --internal",
}
"""What to do instead of using each of Docker's own options for a network."""


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """The options of a network.

    ``configuration``: the name of a file, without ``.conf``, or the text of a pool. ``tunnel``: the
    texts of the tunnel's options, not yet checked, by name without ``wireguard-``. ``mtu``: in
    bytes, or None.
    """

    configuration: str
    tunnel: dict[str, str]
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """The options of a container; ``addresses`` replace the file's, ``tunnel`` as for a network."""

    addresses: tuple[InterfaceAddress, ...]
    tunnel: dict[str, str]


def network_options(options: Mapping[str, Any] | None) -> NetworkOptions:
    """Read the options of a CreateNetwork request.

    Raises:
        PluginError: an option is unknown, ``wireguard-config`` is missing or invalid, or the MTU
            is invalid.
    """
    given = (options or {}).get(GENERIC_OPTIONS) or {}
    if not isinstance(given, Mapping):
        raise PluginError(Code.BAD_REQUEST, "the network's options aren't a table")
    _refuse_unknown(given, NETWORK_OPTIONS)
    name = given.get(CONFIGURATION)
    if not name:
        raise PluginError(
            Code.NO_CONFIGURATION,
            f"the network needs a configuration: --opt {CONFIGURATION}=NAME, "
            "for NAME.conf in the configuration folder",
        )
    name = str(pool.read(str(name)))
    return NetworkOptions(name, _tunnel(given), _mtu(given.get(MTU_OPTION)))


def endpoint_options(options: Mapping[str, Any] | None) -> EndpointOptions:
    """Read the options of a CreateEndpoint request, without those that Docker adds.

    Raises:
        PluginError: a ``--driver-opt`` is unknown, or a network's option, or
            ``wireguard-address`` is invalid.
    """
    given = {k: v for k, v in (options or {}).items() if not k.startswith("com.docker.")}
    if wrong := [name for name in _OF_NETWORKS if name in given]:
        raise PluginError(
            Code.UNKNOWN_OPTION,
            f"{', '.join(wrong)} isn't for a container: give it to docker network create, with "
            "--opt",
        )
    _refuse_unknown(given, ENDPOINT_OPTIONS)
    return EndpointOptions(addresses=_addresses(given.get(ADDRESS_OPTION)), tunnel=_tunnel(given))


def _mtu(value: object) -> int | None:
    try:
        return None if value is None else mtu(str(value))
    except BadValueError as bad:
        raise PluginError(bad.code, f"{MTU_OPTION}: {bad.message}; {bad.hint}") from None


def _addresses(value: object) -> tuple[InterfaceAddress, ...]:
    if value is None:
        return ()
    try:
        return tuple(interface_address(text.strip()) for text in str(value).split(","))
    except BadValueError:
        raise PluginError(
            Code.CONTAINER_ADDRESS,
            f"{ADDRESS_OPTION} is an IPv4 and an IPv6 address, or one of them: "
            "10.0.0.2/32,fd00::2/128",
        ) from None


def _tunnel(given: Mapping[str, Any]) -> dict[str, str]:
    return {
        key.removeprefix(OPTION_PREFIX): str(given[key]) for key in TUNNEL_OPTIONS if key in given
    }


def _refuse_unknown(given: Iterable[str], known: tuple[str, ...]) -> None:
    refused = sorted(set(given) - set(known))
    unknown = [name for name in refused if name not in _INSTEAD]
    told = [
        f"{name} isn't for this network: {_INSTEAD[name]}" for name in refused if name in _INSTEAD
    ]
    if unknown:
        told.append(f"unknown option {', '.join(unknown)}; there are: {', '.join(known)}")
    if told:
        raise PluginError(Code.UNKNOWN_OPTION, "; ".join(told))
