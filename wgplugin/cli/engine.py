"""What Docker knows of the names of networks and containers, by its API on its socket."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec

from wgplugin.cli import client
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.networks import calls
from wgplugin.networks.calls import Answer

SOCKET = Path("/run/docker.sock")

_OK, _NOT_FOUND = 200, 404


class _Network(msgspec.Struct, rename="pascal"):
    id: str


class _Attachment(msgspec.Struct):
    endpoint_id: str = msgspec.field(name="EndpointID", default="")


class _Settings(msgspec.Struct, rename="pascal"):
    networks: dict[str, _Attachment | None] | None = None


class _Container(msgspec.Struct, rename="pascal"):
    network_settings: _Settings


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


def _inspect(target: str, kind: type[Answer], name: str) -> Answer | None:
    # Without a version in its path, a request is of the newest API that the engine has: releases
    # 20.10 and 29 have no version in common.
    try:
        code, body = client.request(SOCKET, target)
        if code == _NOT_FOUND:
            return None
        if code == _OK:
            return calls.decode(body, kind)
        why = f"it answers with {code}"
    except (OSError, ValueError) as error:
        why = str(error)
    raise PluginError(
        Code.NO_ENGINE,
        f"{name} can't be looked up, as Docker doesn't answer at {SOCKET} ({why}); give an id that "
        "wgplugin status shows",
    )
