"""Asks hosts behind a tunnel whether they answer, from its namespace and by its device alone.

A socket that was opened in the namespace can be used from anywhere. Sources: socket(7), tcp(7),
icmp(7), RFC 792, RFC 4443. An echo is asked for by a ping socket (SOCK_DGRAM with IPPROTO_ICMP): it
takes no capability, the kernel fills in identifier and checksum, and it gets nothing but replies to
its own requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
from pathlib import PurePath

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import sysctl
from wgplugin.kernel.rtnl import Links
from wgplugin.kernel.setns import apart, enter
from wgplugin.kernel.space import Space
from wgplugin.model.configuration import Probe

ECHO_SECONDS = 1.0
"""The seconds after which an echo is asked for again: a packet may be lost."""

PING_GROUPS = PurePath("net/ipv4/ping_group_range")
"""The groups whose processes may open ping sockets, for IPv6, too."""

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_PROTOCOLS = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_REQUESTS = {4: bytes([8, *bytes(15)]), 6: bytes([128, *bytes(15)])}
"""Type, code, checksum, identifier, number; and eight bytes to be sent back."""

_RESET = struct.pack("@ii", 1, 0)

_NOBODY = (errno.ENODEV, errno.ENXIO, errno.EDESTADDRREQ)
"""The device has gone, or its peer has no endpoint."""

_REASONS = {
    errno.ENOKEY: "it isn't in the AllowedIPs of a peer",
    errno.EPERM: "a firewall in the container stops it, or this kernel is older than Linux 5.7",
}


def ask(space: Space, device: str, target: Probe) -> socket.socket | None:
    """Ask a target by a device, given by its name on the host; None if it can't answer.

    That is so where the device isn't there, or its peer has no endpoint. The socket that is asked
    by doesn't block, and is for is_answered().

    Raises:
        OSError: the kernel refuses to enter the namespace.
        BackendError: the target can't be asked from there.
    """
    link = Links(space.route).find(device)
    if link is None:
        return None
    with space.route.namespace() as namespace:

        def work() -> socket.socket | None:
            enter(namespace)
            return _ask(link.ifname, target, is_own=space.namespace >= 0)

        return apart(work)


async def is_answered(connection: socket.socket, target: Probe, patience: float) -> bool:
    """Return whether the answer comes within so many seconds, by the socket of ask().

    That a connection is refused is an answer, too.
    """
    try:
        async with asyncio.timeout(patience):
            if target.port is None:
                await _echo(connection, target)
            else:
                await asyncio.get_running_loop().sock_connect(connection, _address(target))
    except ConnectionRefusedError:
        return True
    except OSError:
        # Also when the time is over.
        return False
    return True


async def _echo(connection: socket.socket, target: Probe) -> None:
    """Wait for a reply; ask again in between."""
    receive = asyncio.get_running_loop().sock_recv
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ECHO_SECONDS):
                await receive(connection, 1)
                return
        connection.sendto(_REQUESTS[target.address.version], _address(target))


def _ask(ifname: str, target: Probe, *, is_own: bool) -> socket.socket | None:
    """Ask by a device of this thread's namespace; ``is_own``: the namespace is the plugin's own."""
    with contextlib.ExitStack() as opened:
        connection = opened.enter_context(_socket(target, is_own=is_own))
        connection.setblocking(False)
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
            _begin(connection, target)
        except OSError as error:
            if error.errno in _NOBODY:
                return None
            raise _not_asked(target, _REASONS.get(error.errno or 0, str(error.strerror))) from None
        opened.pop_all()
    return connection


def _socket(target: Probe, *, is_own: bool) -> socket.socket:
    family = _FAMILIES[target.address.version]
    try:
        if target.port is not None:
            return socket.socket(family, socket.SOCK_STREAM)
        protocol = _PROTOCOLS[target.address.version]
        try:
            return socket.socket(family, socket.SOCK_DGRAM, protocol)
        except PermissionError:
            if not is_own:
                raise
        sysctl.write(PING_GROUPS, f"{os.getegid()} {os.getegid()}")
        return socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        advice = (
            "the container's net.ipv4.ping_group_range doesn't permit an echo; "
            "ask for a TCP connection with wireguard-probe=ADDRESS:PORT"
        )
        raise _not_asked(target, advice) from None
    except OSError as error:
        raise _not_asked(target, error.strerror or str(error)) from None


def _begin(connection: socket.socket, target: Probe) -> None:
    """Send the first packet."""
    if target.port is None:
        connection.sendto(_REQUESTS[target.address.version], _address(target))
        return
    # A connection is reset when it is closed, as one that lingers keeps its namespace.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        connection.connect(_address(target))


def _address(target: Probe) -> tuple[str, int]:
    return str(target.address), target.port or 0


def _not_asked(target: Probe, reason: str) -> BackendError:
    return BackendError(Code.NOT_PROBED, f"{target} can't be asked through the tunnel: {reason}")
