"""``wgplugin wait``: ends when the tunnels of a container or a network have a handshake."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from wgplugin.cli import client, tunnels
from wgplugin.codes import Code
from wgplugin.errors import PluginError

PAUSE = 0.5
"""The seconds between looks at what isn't there yet."""

UP, DOWN, TIMED_OUT, INTERRUPTED = 0, 1, 124, 130

_NOT_YET = {Code.NO_SUCH_TUNNEL, Code.UNKNOWN_ENDPOINT, Code.NO_HANDSHAKE}


def run(name: str, network: str | None, timeout: float, given: Path | None) -> int:
    """Wait until all tunnels of a container or a network are up, and print that.

    ``timeout`` is in seconds; the other arguments are as for tunnels.find(). Returns the exit
    status: 1 if a tunnel is down, or can't be waited for; 124 if the time is over, even if there
    was no such tunnel. Then standard error says why.
    """
    end = time.monotonic() + timeout
    try:
        while True:
            try:
                print(f"up: {_up(name, network, given, end, timeout)}")
                return UP
            except PluginError as error:
                left = end - time.monotonic()
                if error.code in _NOT_YET and left > 0:
                    time.sleep(min(PAUSE, left))
                    continue
                print(error, file=sys.stderr)
                return TIMED_OUT if error.code in _NOT_YET else DOWN
    except KeyboardInterrupt:
        return INTERRUPTED


def _up(name: str, network: str | None, given: Path | None, end: float, timeout: float) -> str:
    """Return the names of tunnels that are up.

    Raises:
        PluginError: one of them isn't; with a code of `_NOT_YET`, it may be soon.
    """
    found = tunnels.find(name, network, given)
    for each in found:
        health = client.wait(each.socket, each.id, max(end - time.monotonic(), 0))
        if health == "down":
            raise PluginError(
                Code.TUNNEL_DOWN, f"{each} is down; docker wireguard status shows more"
            )
        if health != "up":
            message = f"{each} had no handshake within {timeout:g} s"
            raise PluginError(Code.NO_HANDSHAKE, message)
    return ", ".join(map(str, found))
