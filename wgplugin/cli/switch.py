"""``wgplugin switch``: switches a tunnel to another configuration of its network's pool."""

from __future__ import annotations

import sys
from pathlib import Path

from wgplugin.cli import client, tunnels
from wgplugin.errors import PluginError

SWITCHED, REFUSED = 0, 1


def run(name: str, configuration: str, network: str | None, given: Path | None) -> int:
    """Switch the tunnel of a container or a network, and print to what.

    ``configuration``: its name, empty for the next one that is free. The other arguments are as for
    tunnels.find(). Returns the exit status: 1 if the tunnel is as before, which standard error
    explains.
    """
    try:
        found = tunnels.find_one(name, network, given)
        print(f"switched to {client.switch(found.socket, found.id, configuration)}")
    except PluginError as error:
        print(error, file=sys.stderr)
        return REFUSED
    return SWITCHED
