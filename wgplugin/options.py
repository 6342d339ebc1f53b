"""The options a user gives with ``docker network create --opt`` and ``--driver-opt``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wgplugin.errors import PluginError
from wgplugin.protocol import GENERIC_OPTIONS

CONFIGURATION = "wireguard-config"
NETWORK_OPTIONS = (CONFIGURATION,)
ENDPOINT_OPTIONS: tuple[str, ...] = ()

_NAME = re.compile(r"[A-Za-z0-9_=+.-]{1,64}")


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What a network was made with; ``configuration`` names a file, without its ``.conf``."""

    configuration: str


def network_options(options: Mapping[str, Any] | None) -> NetworkOptions:
    """Read the options of a CreateNetwork request.

    Raises:
        PluginError: an option is unknown or missing, or has a value that can't be.
    """
    given = (options or {}).get(GENERIC_OPTIONS) or {}
    if not isinstance(given, Mapping):
        raise PluginError("the network's options aren't a table")
    _refuse_unknown(given, NETWORK_OPTIONS)
    name = given.get(CONFIGURATION)
    if not name:
        raise PluginError(
            f"the network needs a configuration: --opt {CONFIGURATION}=NAME, "
            "for NAME.conf in the configuration folder"
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{CONFIGURATION} is the name of a file in the configuration folder, not a path: "
            "up to 64 letters, digits and _ = + . -"
        )
    if name.endswith(".conf"):
        raise PluginError(f"{CONFIGURATION} is a name without .conf: {name.removesuffix('.conf')}")
    return NetworkOptions(configuration=name)


def check_endpoint_options(options: Mapping[str, Any] | None) -> None:
    """Look at the options of a CreateEndpoint request, among which Docker puts its own.

    Raises:
        PluginError: a ``--driver-opt`` is unknown.
    """
    own = (key for key in options or {} if not key.startswith("com.docker."))
    _refuse_unknown(own, ENDPOINT_OPTIONS)


def _refuse_unknown(given: Iterable[str], known: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        choice = f"there are: {', '.join(known)}" if known else "a container has none"
        raise PluginError(f"unknown option {', '.join(unknown)}; {choice}")
