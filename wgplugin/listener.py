"""The socket that Docker calls the plugin by."""

from __future__ import annotations

import _socket
import os

SOCKET = "/run/docker/plugins/wireguard.sock"


def listen(path: str) -> int:
    """Return the descriptor of a socket that listens at a path, for root alone.

    A socket that an earlier run left there is replaced. Raises OSError.
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
