"""A tunnel whose peers are searched, with the names and the answers that a test decides."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from tests.memory_host import MemoryHost
from wgplugin.codes import Code
from wgplugin.conf.parser import parse
from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint, PeerSection
from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.ages import Ages
from wgplugin.networks.peers import Peers
from wgplugin.networks.reresolve import Search
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.trail import INITIATION
from wgplugin.state.records import Network
from wgplugin.state.store import Store
from wgplugin.timings import Timings

CONFIG = parse(
    b"[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n", "home.conf"
)
AFTER, BOUND = 135.0, 10.0
START = 1_000_000.0
NETWORK = "n1"
HANGING = "hanging.test"
LITERAL = "192.0.2.99"
HERE, THERE, THIRD = "192.0.2.1", "2001:db8::2", "192.0.2.3"


class Names(Resolver):
    """Knows the addresses of each name, counts the questions, and hangs on HANGING if it shall."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> tuple[SocketAddress, ...]:
        if endpoint.host == LITERAL:
            return (at(LITERAL),)
        self.asked[endpoint.host] += 1
        if endpoint.host == HANGING:
            await self.goes_on.wait()
        if endpoint.host not in self.hosts:
            raise PluginError(Code.NOT_RESOLVED, f"{endpoint.host} can't be resolved")
        return tuple(map(at, self.hosts[endpoint.host]))


def at(host: str) -> SocketAddress:
    return SocketAddress(ip_address(host), 51820)


@dataclass
class World:
    """A tunnel whose peers are looked at every 5 seconds, and answer at some addresses."""

    folder: Path
    names: Names = field(default_factory=Names)
    now: float = 1000.0
    is_sending: bool = True
    is_movable: bool = True
    answering: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    went: list[tuple[float, str]] = field(default_factory=list)
    """When the first peer was moved, since its configuration, and to where."""

    async def configure(self, *hosts: str, last: str = "") -> None:
        """Give the tunnel peers, as a container's start does."""
        self.store = Store(self.folder)
        addresses = {hosts[0]: last} if last else {}
        known = Network(id=NETWORK, configuration="home", addresses=addresses)
        if self.store.networks.get(NETWORK) is None:
            await self.store.networks.put(known)
        self.ways = dict.fromkeys([HERE, THERE, THIRD, LITERAL], 1500)
        host = MemoryHost(path_mtus=self.ways)
        self.finder = Peers(self.names, self.store.networks, host)
        self.sections = [
            PeerSection(Key(bytes([n]) * 32), None, PeerEndpoint(name, "51820"), 0, ())
            for n, name in enumerate(hosts)
        ]
        config = replace(CONFIG, peers=tuple(self.sections))
        found = await self.finder.locate(NETWORK, config, BOUND)
        self.names.asked.clear()
        self.peers = {
            section: Peer(
                section.public_key,
                endpoint=found.addresses.get(section.endpoint) if section.endpoint else None,
            )
            for section in self.sections
        }
        self.ages = Ages()
        self.search = Search(self.finder, NETWORK, self.move, self.told.append, Timings())
        self.configured = self.now
        await self.look()

    async def move(self, section: PeerSection, address: SocketAddress) -> None:
        if not self.is_movable:
            raise PluginError(Code.KERNEL_REFUSES, "the peer can't be moved")
        self.peers[section] = replace(self.peers[section], endpoint=address)
        if section is self.sections[0]:
            self.went.append((self.now - self.configured, str(address.host)))

    async def look(self) -> None:
        """Look, and let the search do what it can do at once."""
        peers = list(self.peers.values())
        self.ages.look(peers, START + self.now, self.now)
        self.search.look(
            self.sections,
            peers,
            self.ages,
            configured=self.now - self.configured,
            now=self.now,
            after=AFTER,
            bound=BOUND,
        )
        for _ in range(50):
            await asyncio.sleep(0)

    async def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds / 5)):
            self.now += 5.0
            for section, peer in self.peers.items():
                self.peers[section] = self.later(peer)
            await self.look()

    def later(self, peer: Peer) -> Peer:
        """Return a peer 5 seconds later."""
        if not self.is_sending or not peer.endpoint or str(peer.endpoint.host) not in self.ways:
            return peer
        if str(peer.endpoint.host) not in self.answering:
            return replace(peer, sent=peer.sent + INITIATION)
        old = START + self.now - peer.last_handshake > 120
        return replace(
            peer,
            sent=peer.sent + 1000,
            received=peer.received + 1000,
            last_handshake=START + self.now if old else peer.last_handshake,
        )

    def where(self) -> str:
        """Return the address of the first peer."""
        endpoint = self.peers[self.sections[0]].endpoint
        return str(endpoint.host) if endpoint else ""

    @property
    def remembered(self) -> dict[str, str]:
        record = Store(self.folder).networks.get(NETWORK)
        assert record
        return record.addresses
