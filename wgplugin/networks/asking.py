"""``wireguard-wait``: before a container starts, a peer of its configuration must answer."""

from __future__ import annotations

import logging

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.backends import HostKernel
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.device import DeviceConfig
from wgplugin.model.identity import device_name
from wgplugin.networks.patience import Patience
from wgplugin.state.records import Endpoint

log = logging.getLogger(__name__)

ADVICE = "check its Endpoint and keys, and that UDP to it isn't blocked"


async def answer(
    host: HostKernel,
    endpoint: Endpoint,
    config: InterfaceConfig,
    wanted: DeviceConfig,
    patience: Patience,
    most: float,
    *,
    is_last: bool,
) -> None:
    """Wait until a peer of an endpoint's configuration answers; nothing of it stays.

    A configuration without any Endpoint can't be asked, which is logged.

    Args:
        host: the kernel that asks.
        endpoint: the endpoint, which has claimed its configuration and has no device yet.
        config: the configuration.
        wanted: the device of that, with the addresses of the peers that were found.
        patience: the time of this start.
        most: the seconds of ``wireguard-wait``.
        is_last: whether there is no other configuration to ask.

    Raises:
        PluginError: no peer answers (NO_HANDSHAKE).
        BackendError: the kernel refuses.
    """
    file_name = f"{endpoint.configuration}.conf"
    if not any(peer.endpoint for peer in config.peers):
        log.warning("%s has no Endpoint, so wireguard-wait has nobody to ask", file_name)
        return
    if not any(peer.endpoint for peer in wanted.peers):
        raise _silent(f"{file_name}: no peer was found, so none answers; {ADVICE}")
    with patience.asking(most, is_last=is_last) as seconds:
        if not seconds:
            raise _silent(f"{file_name}: there was no time left to ask its peers")
        if not await host.answers(device_name(endpoint.id), wanted, seconds):
            raise _silent(f"{file_name}: no peer answered within {seconds:.3g} s; {ADVICE}")


def _silent(message: str) -> PluginError:
    return PluginError(Code.NO_HANDSHAKE, message)
