"""What a hub's file notes of it and of its peers, as values. Pure.

A hub is a shared network whose file is a server's: people and machines dial in.
"""

from __future__ import annotations

from dataclasses import dataclass

from wgplugin.model.device import Key
from wgplugin.model.prefixes import IPAddress, Prefix
from wgplugin.model.published import Protocol


@dataclass(frozen=True, slots=True)
class Reach:
    """What a peer may begin connections to; ``protocol`` and ``port`` None for everything there."""

    prefix: Prefix
    protocol: Protocol | None = None
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.prefix}:{self.protocol}/{self.port}" if self.port else str(self.prefix)


@dataclass(frozen=True, slots=True)
class PeerNote:
    """What the note of a [Peer] says.

    ``name``: empty if it has none. ``expires``: when the peer ends, in seconds since 1970; None for
    never. ``reach``: what it may reach, None for all that the network lets peers reach.
    """

    name: str = ""
    expires: int | None = None
    reach: tuple[Reach, ...] | None = None


NO_NOTE = PeerNote()
"""That of a [Peer] without a note."""


@dataclass(frozen=True, slots=True)
class HubNote:
    """What the note of an [Interface] says: that commands look after the peers of this file.

    ``endpoint``: what clients dial, HOST:PORT. ``dns``: the servers for names that aren't
    containers', none to refuse those names. ``last``: the number of the address that was given
    last, by which an address is never given twice.
    """

    endpoint: str = ""
    dns: tuple[IPAddress, ...] = ()
    last: int = 0


@dataclass(frozen=True, slots=True)
class RemovedNote:
    """What is left of a peer that was removed, or of its former key: neither is given again."""

    name: str
    key: Key
    addresses: tuple[IPAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class DisabledNote:
    """That a [Peer] follows whose lines are all comments, up to an `EndNote`."""


@dataclass(frozen=True, slots=True)
class EndNote:
    """That a disabled [Peer] ends."""


Note = PeerNote | HubNote | RemovedNote | DisabledNote | EndNote
