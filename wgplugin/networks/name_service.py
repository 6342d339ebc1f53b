"""A hub's resolver, on the gateway addresses of its network: peers find containers by name."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wgplugin.model.backends import Router
from wgplugin.model.prefixes import InterfaceAddress, IPAddress
from wgplugin.networks.followers import Follower
from wgplugin.networks.name_server import NameServer

if TYPE_CHECKING:
    from wgplugin.networks.name_resolver import NameResolver

PORT = 53

log = logging.getLogger(__name__)


class NameService:
    """Serves nothing until follow() is called. Its sockets are in the router's namespace."""

    def __init__(self, hub: str, members: Iterable[Follower], *, port: int = PORT) -> None:
        """Serve the names of ``members``, the containers of the configuration ``hub``."""
        self._hub = hub
        self._members = members
        self._port = port
        self._resolver: NameResolver | None = None
        self._server: NameServer | None = None
        self._place: tuple[Router, tuple[IPAddress, ...]] | None = None

    async def follow(
        self,
        namespace: Router,
        gateways: tuple[InterfaceAddress, ...],
        upstreams: tuple[IPAddress, ...],
    ) -> None:
        """Serve at the gateways of a router's namespace; nothing is done if that is so already.

        ``upstreams``: the servers of names that aren't containers'; without any they are refused.

        Raises:
            BackendError: nobody can listen there; call it again later.
        """
        resolver = self._resolver or self._made()
        resolver.subnets = tuple(each.network for each in gateways)
        resolver.upstreams = upstreams
        place = namespace, tuple(each.ip for each in gateways)
        if place == self._place:
            return
        self.close()
        self._place = place
        try:
            descriptors = await namespace.listen(place[1], self._port)
        except BaseException:
            self._place = None
            raise
        sockets = [socket.socket(fileno=each) for each in descriptors]
        if self._place is not place:
            # It was closed meanwhile.
            for each in sockets:
                each.close()
            return
        self._server = NameServer(sockets, resolver.answer)
        log.info("%s: names are served at %s", self._hub, ", ".join(map(str, place[1])))

    def close(self) -> None:
        """Serve no longer; the addresses and the namespace are free when this returns."""
        self._place = None
        if self._server:
            self._server.close()
            self._server = None

    def _made(self) -> NameResolver:
        # Late, as it takes memory that only a hub needs.
        from wgplugin.networks.name_resolver import NameResolver

        self._resolver = NameResolver(self._hub, self._members)
        return self._resolver
