"""The containers on a shared network, which follow what its router's files say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from wgplugin.conf.folder import Files
from wgplugin.networks.status import ContainerStatus


class Follower(Protocol):
    """A container on the network."""

    def follow(self, files: Files) -> None:
        """Plan the container's part as these files say."""

    def status(self) -> ContainerStatus:
        """Return how the container's part is doing."""

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        """Ask Docker's resolver in the container; see `Container`."""


class Followers:
    """The containers in the order in which they came."""

    def __init__(self) -> None:
        self._members: dict[Follower, None] = {}
        self._told: tuple[Files, int | None] | None = None

    def __iter__(self) -> Iterator[Follower]:
        return iter(tuple(self._members))

    def add(self, member: Follower) -> None:
        """Add a container, which has planned its part already."""
        self._members[member] = None

    def remove(self, member: Follower) -> None:
        """Remove a container, if it is there."""
        self._members.pop(member, None)

    def tell(self, files: Files, mtu: int | None) -> None:
        """Have all containers follow these files, and this MTU in bytes, unless they do."""
        if self._told != (files, mtu):
            self._told = files, mtu
            for member in self:
                member.follow(files)
