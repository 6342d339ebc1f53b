"""Resolves peers' endpoints to addresses, by the host's resolver."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import SocketAddress
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

    def __init__(self, timings: Timings | None = None) -> None:
        self._first_pause = (timings or Timings()).resolver_pause
        self._workers = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="resolver")

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        """Return the first address of the endpoint. A literal address needs no look-up, no thread.

        After a temporary failure of the resolver it tries again, with growing pauses, until
        ``bound`` seconds are over.

        Raises:
            PluginError: there is no such host, or no answer within ``bound`` seconds.
        """
        with contextlib.suppress(socket.gaierror):
            return _first(endpoint, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
        loop = asyncio.get_running_loop()
        pause = self._first_pause
        answer = "no answer"
        try:
            async with asyncio.timeout(bound):
                while True:
                    try:
                        return await loop.run_in_executor(self._workers, _getaddrinfo, endpoint)
                    except socket.gaierror as error:
                        answer = error.strerror or str(error)
                        if error.errno not in _TRANSIENT:
                            break
                    await asyncio.sleep(pause)
                    pause *= 2
        except TimeoutError:
            answer += f" (waited {bound:g} s)"
        # A word without a dot may be a piece of a key in the wrong place, so don't show it.
        host = endpoint.host if "." in endpoint.host else shown(endpoint.host)
        raise PluginError(
            Code.NOT_RESOLVED,
            f"the endpoint {host} can't be resolved: {answer}; "
            "check the name, and the DNS of this host",
        )


def _getaddrinfo(endpoint: PeerEndpoint) -> SocketAddress:
    return _first(endpoint)


def _first(endpoint: PeerEndpoint, flags: int = 0) -> SocketAddress:
    results = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM, flags=flags)
    host, port, *rest = results[0][4]
    scope_id = int(rest[1]) if rest else 0
    return SocketAddress(ip_address(str(host).partition("%")[0]), int(port), scope_id)
