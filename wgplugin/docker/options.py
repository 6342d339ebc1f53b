"""The options a user gives with ``docker network create --opt`` and ``--driver-opt``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wgplugin.codes import Code
from wgplugin.conf.settings import CONFIGURATION_NAME, OPTION_PREFIX, TUNNEL
from wgplugin.conf.values import BadValueError, interface_address
from wgplugin.docker.protocol import GENERIC_OPTIONS
from wgplugin.errors import PluginError
from wgplugin.model.addresses import ADDRESS_OPTION
from wgplugin.model.prefixes import Interface

CONFIGURATION = "wireguard-config"
# How the tunnel is made: for a network, or for one container.
TUNNEL_OPTIONS = tuple(OPTION_PREFIX + name for name in TUNNEL)
NETWORK_OPTIONS = (CONFIGURATION, *TUNNEL_OPTIONS)
ENDPOINT_OPTIONS = (ADDRESS_OPTION, *TUNNEL_OPTIONS)


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What a network was made with.

    ``configuration`` names a file, without its ``.conf``; ``tunnel`` has the texts of the tunnel's
    options, by name without ``wireguard-``.
    """

    configuration: str
    tunnel: dict[str, str]


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """What a container was attached with; ``addresses`` take the place of the file's."""

    addresses: tuple[Interface, ...]
    tunnel: dict[str, str]


def network_options(options: Mapping[str, Any] | None) -> NetworkOptions:
    """Read the options of a CreateNetwork request.

    Raises:
        PluginError: an option is unknown or missing, or has a value that can't be.
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
    if not isinstance(name, str) or not CONFIGURATION_NAME.fullmatch(name):
        raise PluginError(
            Code.CONFIGURATION_NAME,
            f"{CONFIGURATION} is the name of a file in the configuration folder, not a path: "
            "up to 64 letters, digits and _ = + . -",
        )
    if name.endswith(".conf"):
        message = f"{CONFIGURATION} is a name without .conf: {name.removesuffix('.conf')}"
        raise PluginError(Code.CONFIGURATION_NAME, message)
    return NetworkOptions(configuration=name, tunnel=_tunnel(given))


def endpoint_options(options: Mapping[str, Any] | None) -> EndpointOptions:
    """Read the options of a CreateEndpoint request, among which Docker puts its own.

    Raises:
        PluginError: a ``--driver-opt`` is unknown, or has a value that can't be.
    """
    given = {k: v for k, v in (options or {}).items() if not k.startswith("com.docker.")}
    _refuse_unknown(given, ENDPOINT_OPTIONS)
    return EndpointOptions(addresses=_addresses(given.get(ADDRESS_OPTION)), tunnel=_tunnel(given))


def _addresses(value: object) -> tuple[Interface, ...]:
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
    unknown = sorted(set(given) - set(known))
    if unknown:
        message = f"unknown option {', '.join(unknown)}; there are: {', '.join(known)}"
        raise PluginError(Code.UNKNOWN_OPTION, message)
