"""A host's published ports without a kernel: PublishingKernel whose host is a value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.model.backends import Published
from wgplugin.model.published import Link, PortBinding, Publication, PublishedPort

EPHEMERAL = range(32768, 61000)


class Place(Protocol):
    """A namespace with ends of links, by the name of what has them."""

    links: dict[str, Link]

    def give_notice(self) -> None:
        """Tell all who listen that something has changed."""


class MemoryPublishing:
    """Publishes where there is a link; every method named in ``failing`` fails, in ``hanging``
    never ends.

    Programs of the host are ``listening`` on ports, by protocol and number; other plugins have the
    numbers of ``others``. ``closed`` is what publish() says of the host's firewall. It takes
    ``seconds``.
    """

    def __init__(self, places: Callable[[], Iterable[Place]]) -> None:
        self.listening: set[tuple[str, int]] = set()
        self.others: set[int] = set()
        self.closed = ""
        self.seconds = 0.0
        self.failing: set[str] = set()
        self.hanging: set[str] = set()
        self.published: tuple[Publication, ...] = ()
        """What is in force: of what was published, all that has a link."""
        self.publishes = 0
        """How often publish() was called."""
        self.is_followed = False
        """Whether somebody waits for a notice."""
        self._places = places
        self._notice = asyncio.Event()

    async def choose(
        self, bindings: Sequence[PortBinding], others: Collection[PublishedPort]
    ) -> tuple[PublishedPort, ...]:
        await self._obey("choose")
        chosen: list[PublishedPort] = []
        for each in bindings:
            numbers = range(each.first, each.last + 1) if each.first else EPHEMERAL
            ports = (PublishedPort(each.protocol, n, each.port, each.address) for n in numbers)
            taken = (*others, *chosen)
            free = next((port for port in ports if self._is_free(port, taken)), None)
            if free is None:
                message = f"port {each.first}/{each.protocol} of the host is in use"
                raise BackendError(Code.PORT_TAKEN, message)
            chosen.append(free)
        return tuple(chosen)

    async def numbers(self) -> frozenset[int]:
        await self._obey("numbers")
        return frozenset(self.others)

    async def publish(self, publications: Collection[Publication]) -> Published:
        await self._obey("publish")
        self.publishes += 1
        await asyncio.sleep(self.seconds)
        wanted = {each.device for each in publications}
        for place, name, link in list(self._links()):
            if link.device not in wanted:
                del place.links[name]
                place.give_notice()
        there = {link.device for _, _, link in self._links()}
        before = self.published
        self.published = tuple(each for each in publications if each.device in there)
        ports = [port for each in self.published for port in each.ports]
        is_new = self.published != before
        if is_new:
            self.give_notice()
        return Published(
            done=("ports",) if is_new else (),
            taken=frozenset(each for each in ports if self._is_listened_on(each)),
            closed=self.closed if self.published else "",
        )

    async def changed(self) -> None:
        self.is_followed = True
        try:
            if "changed" not in self.failing:
                await self._notice.wait()
        finally:
            self.is_followed = False
        await self._obey("changed")
        self._notice.clear()

    def close(self) -> None:
        pass

    def give_notice(self) -> None:
        """Tell who listens that links or nftables of the host have changed."""
        self._notice.set()

    @property
    def ports(self) -> dict[str, str]:
        """Where each port of the host leads: to addresses and the port there."""
        return {
            port.of_host: f"{','.join(map(str, each.addresses))} {port.port}"
            for each in self.published
            for port in each.ports
        }

    def flush(self) -> None:
        """Take everything off the host, as a firewall that is loaded again does."""
        self.published = ()
        self.give_notice()

    def _links(self) -> Iterator[tuple[Place, str, Link]]:
        for place in self._places():
            for name, link in place.links.items():
                yield place, name, link

    def _is_free(self, port: PublishedPort, taken: Iterable[PublishedPort]) -> bool:
        return not self._is_listened_on(port) and not any(map(port.overlaps, taken))

    def _is_listened_on(self, port: PublishedPort) -> bool:
        return (port.protocol, port.host_port) in self.listening

    async def _obey(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.hanging:
            await asyncio.Event().wait()
        if method in self.failing:
            raise BackendError(Code.NOT_PUBLISHED, f"{method} fails")
