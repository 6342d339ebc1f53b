"""The program as Docker starts it: ``python -m wgplugin.start serve``.

Docker gives up on a plugin that doesn't listen soon, so that comes before the command line and all
that it imports. Even the standard library's socket takes longer to import than what is done here.
"""

from __future__ import annotations

import _socket
import os
import sys

SOCKET = "/run/docker/plugins/wireguard.sock"


def listen(path: str) -> int:
    """Return the descriptor of a socket that listens there, for root alone.

    A socket that was left there is replaced.
    """
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(128)
    return listener.detach()


def main() -> int:
    """Listen, then run the command line; return the exit status."""
    listener = listen(SOCKET)
    from wgplugin import __main__

    return __main__.main(listener)


if __name__ == "__main__":
    sys.exit(main())
