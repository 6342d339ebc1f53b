"""Resolves peers' endpoints to addresses, by the host's resolver."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from wgplugin.codes import Code
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

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        """Return the first address of the endpoint that the host can use.

        A literal address needs no look-up, and no thread. After a temporary failure of the resolver
        it tries again, with growing pauses, until ``bound`` seconds are over.

        Raises:
            PluginError: there is no such host, no answer within ``bound`` seconds, or the host
                can't have any of the addresses.
        """
        with contextlib.suppress(socket.gaierror):
            return self._first(endpoint, _literal(endpoint))
        loop = asyncio.get_running_loop()
        pause = self._first_pause
        answer = "no answer"
        try:
            async with asyncio.timeout(bound):
                while True:
                    try:
                        look_up = loop.run_in_executor(self._workers, _getaddrinfo, endpoint)
                        return self._first(endpoint, await look_up)
                    except socket.gaierror as error:
                        answer = error.strerror or str(error)
                        if error.errno not in _TRANSIENT:
                            break
                    await asyncio.sleep(pause)
                    pause *= 2
        except TimeoutError:
            answer += f" (waited {bound:g} s)"
        raise PluginError(
            Code.NOT_RESOLVED,
            f"the endpoint {_shown(endpoint)} can't be resolved: {answer}; "
            "check the name, and the DNS of this host",
        )

    def _first(self, endpoint: PeerEndpoint, found: Iterable[SocketAddress]) -> SocketAddress:
        for address in found:
            if address.host.version in self._families:
                return address
        raise unreachable(f"the endpoint {_shown(endpoint)}")


def _shown(endpoint: PeerEndpoint) -> str:
    # A word without a dot may be a piece of a key in the wrong place, so don't show it.
    is_plain = "." in endpoint.host or ":" in endpoint.host
    return endpoint.host if is_plain else shown(endpoint.host)


def _literal(endpoint: PeerEndpoint) -> list[SocketAddress]:
    return _getaddrinfo(endpoint, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)


def _getaddrinfo(endpoint: PeerEndpoint, flags: int = 0) -> list[SocketAddress]:
    results = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM, flags=flags)
    return [_address(*result[4]) for result in results]


def _address(host: str | int, port: int | str | bytes, *rest: int | str) -> SocketAddress:
    scope_id = int(rest[1]) if rest else 0
    return SocketAddress(ip_address(str(host).partition("%")[0]), int(port), scope_id)
