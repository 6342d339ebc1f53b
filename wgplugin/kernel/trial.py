"""A configuration's trial on the host: whether a peer answers to it.

Nothing can pass by a device whose peers have no allowed IPs, but they shake hands all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from wgplugin.model.device import Device, DeviceConfig, PeerConfig

MTU = 1420
"""The MTU of a trial's device in bytes; a handshake's messages are smaller than any."""

PAUSE = 0.05
"""The seconds between two looks, and from an answer to the end."""

_KEEPALIVE = 25
"""In seconds. With a keepalive, a device that goes up asks for a handshake at once."""


def trial(config: DeviceConfig) -> DeviceConfig:
    """Return a configuration for a trial: of the peers that have an endpoint, without allowed IPs.

    It takes any port, as its own may be in use.
    """
    peers = (
        PeerConfig(peer.public_key, peer.preshared_key, peer.endpoint, _KEEPALIVE)
        for peer in config.peers
        if peer.endpoint
    )
    return DeviceConfig(config.private_key, 0, config.fwmark, replace_peers=True, peers=(*peers,))


def had_handshake(device: Device) -> bool:
    """Return whether any peer of a device ever answered."""
    return any(peer.last_handshake for peer in device.peers)


async def within(patience: float, look: Callable[[], Awaitable[bool | None]]) -> bool:
    """Look until a peer has answered or so many seconds are over; return whether it has.

    A peer ignores a handshake within 20 ms of the one before, as part of a flood, and a device that
    has asked in vain asks again only after 5 seconds. So there is a pause before whatever comes
    next (INITIATIONS_PER_SECOND and REKEY_TIMEOUT in drivers/net/wireguard/messages.h).
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while not await look():
        if loop.time() >= end:
            return False
        await asyncio.sleep(PAUSE)
    await asyncio.sleep(PAUSE)
    return True
