"""Whether this host has IPv6."""

from __future__ import annotations

import errno
import socket
from functools import cache


@cache
def has_ipv6() -> bool:
    """Return whether this host has IPv6 at all; with ``ipv6.disable=1`` it has none until a boot.

    The kernel loads its module for IPv6, if it is one, when a program asks for a socket. Raises
    OSError if this can't be told.
    """
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return False
    return True
