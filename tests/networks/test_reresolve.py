"""A silent peer is looked for now and then, and by one search at a time."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.memory_host import MemoryHost
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.configuration import PeerEndpoint, PeerSection
from wgplugin.model.device import Key, Peer, SocketAddress
from wgplugin.networks.peers import Peers
from wgplugin.networks.reresolve import Search
from wgplugin.networks.resolver import Resolver
from wgplugin.state.store import Store
from wgplugin.timings import Timings

pytestmark = pytest.mark.anyio

KEY = Key(b"k" * 32)
ENDPOINT = PeerEndpoint("vpn.test", "51820")
SECTION = PeerSection(KEY, None, ENDPOINT, 0, ())
SOUGHT = [(SECTION, ENDPOINT)]
ADDRESS = SocketAddress(ip_address("192.0.2.1"), 51820)
AFTER = 100.0
TIMINGS = Timings()


class SlowResolver(Resolver):
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.error = ""

    async def resolve(self, endpoint: PeerEndpoint, bound: float) -> SocketAddress:
        await self.answer.wait()
        if self.error:
            raise PluginError(Code.NOT_RESOLVED, self.error)
        return ADDRESS


class Looking:
    """A search, and what came of it."""

    def __init__(self, folder: Path) -> None:
        self.resolver = SlowResolver()
        self.moved: list[SocketAddress] = []
        self.told: list[str] = []
        peers = Peers(self.resolver, Store(folder).networks, MemoryHost())
        self.search = Search(peers, self.move, self.told.append, TIMINGS)

    async def move(self, section: PeerSection, address: SocketAddress) -> None:
        self.moved.append(address)

    async def end(self) -> None:
        """Let the search come to its end."""
        self.resolver.answer.set()
        while not self.told:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("endpoint", "pause"), [(None, TIMINGS.search_missing), (ADDRESS, TIMINGS.search_silent)]
)
async def test_peer_is_looked_for_again_after_a_pause(
    tmp_path: Path, endpoint: SocketAddress | None, pause: float
) -> None:
    looking, peer = Looking(tmp_path), Peer(KEY, endpoint=endpoint)

    def due(now: float) -> bool:
        return bool(
            looking.search.due([SECTION], [peer], configured=now, now=now, wall=now, after=AFTER)
        )

    assert due(1000.0)
    looking.search.begin(SOUGHT, 1000.0, 1.0)
    await looking.end()
    assert not due(1000.0 + pause - 1)
    assert due(1000.0 + pause)


async def test_second_search_waits_for_the_end_of_the_first(tmp_path: Path) -> None:
    looking = Looking(tmp_path)
    for now in (1000.0, 2000.0):
        looking.search.begin(SOUGHT, now, 1.0)
        await asyncio.sleep(0)
    await looking.end()
    assert looking.moved == [ADDRESS]
    assert looking.told == [""]


async def test_peer_that_is_not_found_is_reported(tmp_path: Path) -> None:
    looking = Looking(tmp_path)
    looking.resolver.error = "vpn.test can't be resolved"
    looking.search.begin(SOUGHT, 0.0, 1.0)
    await looking.end()
    assert looking.told == [f"vpn.test can't be resolved [{Code.NOT_RESOLVED}]"]
    assert not looking.moved


async def test_search_that_is_ended_moves_no_peer(tmp_path: Path) -> None:
    looking = Looking(tmp_path)
    looking.search.begin(SOUGHT, 0.0, 1.0)
    await asyncio.sleep(0)
    looking.search.end()
    looking.resolver.answer.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not looking.moved
