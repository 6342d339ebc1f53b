"""The program as Docker starts it: ``python -m wgplugin.start serve``.

Docker gives up on a plugin that doesn't listen soon, so that comes before the command line and all
that it imports.
"""

from __future__ import annotations

import os
import socket
import sys

SOCKET = "/run/docker/plugins/wireguard.sock"


def listen(path: str) -> socket.socket:
    """Return a socket that listens there, for root alone; one that was left is replaced."""
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def main() -> int:
    """Listen, then run the command line; return the exit status."""
    listener = listen(SOCKET)
    from wgplugin import __main__

    return __main__.main(listener)


if __name__ == "__main__":
    sys.exit(main())
