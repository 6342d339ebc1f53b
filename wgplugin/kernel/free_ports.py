"""Finds ports of the host that nobody uses, by trying them as Docker does for its own networks."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel.ipv6 import has_ipv6
from wgplugin.model.prefixes import IPAddress
from wgplugin.model.published import PROTOCOLS, PortBinding, PublishedPort

TRIES = 100
"""The ports that are tried for a binding to any."""

_KINDS = {
    "tcp": socket.SOCK_STREAM,
    "udp": socket.SOCK_DGRAM,
    "sctp": socket.SOCK_STREAM,
}
_ANY: tuple[IPAddress, ...] = (IPv4Address("0.0.0.0"), IPv6Address("::"))  # noqa: S104
_OPTIONS = {"tcp": "-ltnp", "udp": "-lunp", "sctp": "-lSnp"}


def choose(
    bindings: Sequence[PortBinding], others: Collection[PublishedPort]
) -> tuple[PublishedPort, ...]:
    """Return a port for each binding; see `PublishingKernel`. No socket stays open."""
    chosen: list[PublishedPort] = []
    for binding in bindings:
        chosen.append(_chosen(binding, [*others, *chosen]))
    return tuple(chosen)


def _chosen(binding: PortBinding, others: Collection[PublishedPort]) -> PublishedPort:
    if not binding.first:
        return _any(binding, others)
    see = ""
    for number in range(binding.first, binding.last + 1):
        port = _port(binding, number)
        if not any(map(port.overlaps, others)):
            if _is_free(binding, number):
                return port
            see = see or f" (see: ss {_OPTIONS[binding.protocol]} sport = :{number})"
    raise _taken(binding, see)


def _any(binding: PortBinding, others: Collection[PublishedPort]) -> PublishedPort:
    with contextlib.ExitStack() as opened:
        for _ in range(TRIES):
            # What isn't wanted stays open, so that the kernel chooses another one.
            number = _open(opened, binding, 0)
            if number and not any(map(_port(binding, number).overlaps, others)):
                return _port(binding, number)
    raise _taken(binding, "")


def _port(binding: PortBinding, number: int) -> PublishedPort:
    return PublishedPort(binding.protocol, number, binding.port, binding.address)


def _is_free(binding: PortBinding, number: int) -> bool:
    with contextlib.ExitStack() as opened:
        return bool(_open(opened, binding, number))


def _open(opened: contextlib.ExitStack, binding: PortBinding, number: int) -> int:
    """Open a port, one of the kernel's choice for 0; return its number, 0 if somebody uses it."""
    for address in _addresses(binding):
        try:
            trial = opened.enter_context(_socket(binding, address))
            trial.bind((str(address), number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return 0
            raise _refused(binding, number, error) from None
        number = trial.getsockname()[1]
    return number


def _addresses(binding: PortBinding) -> Sequence[IPAddress]:
    if binding.address:
        return (binding.address,)
    return _ANY if has_ipv6() else _ANY[:1]


def _socket(binding: PortBinding, address: IPAddress) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    trial = socket.socket(family, _KINDS[binding.protocol], PROTOCOLS[binding.protocol])
    try:
        if binding.protocol != "udp":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    except OSError:
        trial.close()
        raise
    return trial


def _taken(binding: PortBinding, see: str) -> BackendError:
    return BackendError(
        Code.PORT_TAKEN,
        f"the port of the host for {binding} is in use{see}; "
        "stop what uses it, or publish another port",
    )


def _refused(binding: PortBinding, number: int, error: OSError) -> BackendError:
    match error.errno:
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            reason = f"{binding.address} is no address of this host"
        case errno.EACCES | errno.EPERM:
            reason = f"the plugin may not use port {number}: it needs CAP_NET_BIND_SERVICE"
        case errno.EPROTONOSUPPORT | errno.ESOCKTNOSUPPORT:
            reason = f"this host's kernel has no {binding.protocol} (try: modprobe sctp)"
        case _:
            reason = error.strerror or os.strerror(error.errno or 0)
    return BackendError(Code.NOT_PUBLISHED, f"{binding} can't be published: {reason}")
