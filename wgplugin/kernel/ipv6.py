"""Whether this host has IPv6."""

from __future__ import annotations

import socket


def has_ipv6() -> bool:
    """Return whether this host has IPv6 at all; with ``ipv6.disable=1`` it has none until a boot.

    The kernel loads its module for IPv6, if it is one, when a program asks for a socket.
    """
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True
