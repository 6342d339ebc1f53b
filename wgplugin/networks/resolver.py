"""Resolves peers' endpoints to addresses, by the host's resolver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from wgplugin.codes import Code
from wgplugin.conf.values import literal
from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import SocketAddress
from wgplugin.model.without_ipv6 import unreachable
from wgplugin.redact import shown
from wgplugin.timings import Timings

LOOK_UPS = 64
"""The number of look-ups that may hang before others must wait."""

_TRANSIENT = (socket.EAI_AGAIN, socket.EAI_SYSTEM)


class Resolver:
    """Resolves host names as wg(8) does, but within a time limit.

    A look-up can't be interrupted. So look-ups have threads of their own, where a hanging one
    delays nothing else.
    """

    def __init__(self, timings: Timings | None = None, families: Collection[int] = (4, 6)) -> None:
        """Return only addresses of these families: those of the host."""
        self._families = families
        self._first_pause = (timings or Timings()).resolver_pause
        self._workers = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="resolver")

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> tuple[SocketAddress, ...]:
        """Return all addresses of the endpoint that the host can use, in getaddrinfo(3)'s order.

        A literal address needs no look-up, and no thread. After a temporary failure of the resolver
        it tries again, with growing pauses, until ``bound`` seconds are over.

        Raises:
            PluginError: there is no such host, no answer within ``bound`` seconds, or the host
                can't have any of the addresses.
        """
        if is_literal(endpoint):
            try:
                return self._usable(endpoint, _getaddrinfo(endpoint, socket.AI_NUMERICHOST))
            except socket.gaierror as error:
                raise _not_resolved(endpoint, _reason(error)) from None
        loop = asyncio.get_running_loop()
        pause = self._first_pause
        answer = "no answer"
        try:
            async with asyncio.timeout(bound):
                while True:
                    try:
                        look_up = loop.run_in_executor(self._workers, _getaddrinfo, endpoint)
                        return self._usable(endpoint, await look_up)
                    except socket.gaierror as error:
                        answer = _reason(error)
                        if error.errno not in _TRANSIENT:
                            break
                    await asyncio.sleep(pause)
                    pause *= 2
        except TimeoutError:
            answer += f" (waited {bound:g} s)"
        raise _not_resolved(endpoint, answer)

    def _usable(
        self, endpoint: PeerEndpoint, found: Iterable[SocketAddress]
    ) -> tuple[SocketAddress, ...]:
        usable = tuple(each for each in found if each.host.version in self._families)
        if not usable:
            raise unreachable(_named(endpoint))
        return usable


def is_literal(endpoint: PeerEndpoint) -> bool:
    """Return whether an endpoint is an IP address, perhaps with a zone, and not a host name."""
    return literal(endpoint.host.partition("%")[0]) is not None


def _not_resolved(endpoint: PeerEndpoint, answer: str) -> PluginError:
    return PluginError(
        Code.NOT_RESOLVED,
        f"{_named(endpoint)} can't be resolved: {answer}; check the name, and the DNS of this host",
    )


def _reason(error: socket.gaierror) -> str:
    return error.strerror or str(error)


def _named(endpoint: PeerEndpoint) -> str:
    # A word without a dot may be a piece of a key in the wrong place, so don't show it.
    is_plain = "." in endpoint.host or ":" in endpoint.host
    host = endpoint.host if is_plain else shown(endpoint.host)
    return "the endpoint" if host == shown("") else f"the endpoint {host}"


def _getaddrinfo(endpoint: PeerEndpoint, flags: int = 0) -> list[SocketAddress]:
    results = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM, flags=flags)
    # /etc/hosts may say the same twice.
    return list(dict.fromkeys(_address(*result[4]) for result in results))


def _address(host: str | int, port: int | str | bytes, *rest: int | str) -> SocketAddress:
    scope_id = int(rest[1]) if rest else 0
    return SocketAddress(ip_address(str(host).partition("%")[0]), int(port), scope_id)
