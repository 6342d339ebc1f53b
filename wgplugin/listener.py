"""The socket on which Docker calls the plugin."""

from __future__ import annotations

# Not socket, which would come 5.7 ms later (Python 3.13), and Docker may be waiting.
import _socket
import os

SOCKET = "/run/docker/plugins/wireguard.sock"


def listen(path: str) -> int:
    """Return the descriptor of a unix socket that listens at ``path``, for root alone.

    It replaces a socket that an earlier run left there.

    Raises:
        OSError: the system refuses.
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
