"""A hub's peers find containers by name, and nothing else that isn't theirs to know."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, ip_address
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, TXT, DNSRecord

from tests.networks.dns_servers import (
    Reply,
    Server,
    asked,
    asked_by_tcp,
    connection,
    datagrams,
    free_port,
    received,
    records,
    serving,
)
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import name_sockets
from wgplugin.model.prefixes import IPAddress
from wgplugin.networks import name_resolver, name_server, upstream
from wgplugin.networks.name_resolver import NameResolver
from wgplugin.networks.name_service import NameService

pytestmark = pytest.mark.anyio

HUB = "office"
GATEWAY = IPv4Interface("127.30.5.1/24")
OTHER = IPv4Interface("127.30.6.1/24")
CONTAINER = "127.30.5.77"
UPSTREAMS = ("127.0.0.53", "127.0.0.54")
WEB, DB, BESIDE, WORLD = "127.30.5.3", "127.30.5.4", "127.40.0.9", "192.0.2.80"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long, and use ports that nobody uses."""
    monkeypatch.setattr(name_resolver, "SECONDS", 0.3)
    monkeypatch.setattr(upstream, "SECONDS", 0.3)
    monkeypatch.setattr(upstream, "PORT", free_port())


@dataclass
class Member:
    """A container whose resolver is a server on the loopback; None for one that is closed."""

    to: tuple[str, int] | None

    def follow(self, files: object) -> None:
        raise NotImplementedError

    def status(self) -> Any:
        raise NotImplementedError

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        if self.to is None:
            return None
        with datagrams(self.to) as client:
            client.send(query)
            return await name_sockets.answer(client, seconds)


@dataclass
class Failing(Member):
    """A container that can't be asked."""

    async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
        raise BackendError(Code.NOT_SET_UP, "the container's network is closed")


@dataclass
class Router:
    """The loopback in the place of a router's namespace."""

    is_failing: bool = False
    listened: int = 0

    async def listen(self, addresses: Collection[IPAddress], port: int) -> tuple[int, ...]:
        await asyncio.sleep(0)
        if self.is_failing:
            raise BackendError(Code.NAMES_NOT_SERVED, "names can't be served")
        self.listened += 1
        kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        pairs = [(address, kind) for address in addresses for kind in kinds]
        found = [name_sockets._listening(address, port, kind) for address, kind in pairs]
        return name_sockets.Listeners(found).detach()


@dataclass
class Hub:
    """A hub's names, served on the loopback."""

    members: list[Member] = field(default_factory=list)
    router: Any = field(default_factory=Router)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.service = NameService(HUB, self.members, port=self.port)

    @property
    def to(self) -> tuple[str, int]:
        return str(GATEWAY.ip), self.port

    async def follow(self, *upstreams: str, gateway: IPv4Interface = GATEWAY) -> None:
        servers = tuple(map(ip_address, upstreams))
        await self.service.follow(self.router, (gateway,), servers)

    async def ask(self, name: str, kind: str = "A", source: str = "") -> DNSRecord:
        return await asked(self.to, DNSRecord.question(name, kind), source)

    async def addresses(self, name: str, kind: str = "A") -> list[str]:
        return [str(each.rdata) for each in (await self.ask(name, kind)).rr]

    async def rcode(self, name: str, kind: str = "A", source: str = "") -> str:
        return str(RCODE[(await self.ask(name, kind, source)).header.rcode])


@contextlib.asynccontextmanager
async def hub(*resolvers: Reply, upstreams: Collection[str] = ()) -> AsyncIterator[Hub]:
    """A hub with a container for each of Docker's resolvers, for as long as the block lasts."""
    found = Hub()
    async with contextlib.AsyncExitStack() as stack:
        for number, reply in enumerate(resolvers):
            docker = (f"127.0.0.{11 + number}", free_port())
            await stack.enter_async_context(serving(*docker, reply))
            found.members.append(Member(docker))
        await found.follow(*upstreams)
        stack.callback(found.service.close)
        yield found


def world(address: str, reply: Reply) -> contextlib.AbstractAsyncContextManager[Server]:
    """A server for other names."""
    return serving(address, upstream.PORT, reply)


DOCKER = records(web=f"{WEB} {DB}", only6="fd00::3", mixed=f"{BESIDE} {WEB}", beside=BESIDE)
WWW = records(**{"www.example.org": WORLD})


def silent(query: DNSRecord) -> None:
    """Answer nothing."""


def with_rcode(rcode: str) -> Reply:
    def reply(query: DNSRecord) -> bytes:
        answer = query.reply()
        answer.header.rcode = getattr(RCODE, rcode)
        return bytes(answer.pack())

    return reply


# Containers' names


@pytest.mark.parametrize("name", ["web", "WEB", "web.office", "Web.OFFICE"])
@pytest.mark.parametrize("ask", [asked, asked_by_tcp], ids=["udp", "tcp"])
async def test_container_is_found_by_its_name(ask: Callable[..., Any], name: str) -> None:
    async with hub(DOCKER) as served:
        answer = await ask(served.to, DNSRecord.question(name))
        assert [str(each.rdata) for each in answer.rr] == [WEB, DB]
        assert {str(each.rname) for each in answer.rr} == {str(answer.q.qname)} == {f"{name}."}


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("web", "AAAA", "NOERROR"),
        ("web", "MX", "NOERROR"),
        ("web", "HTTPS", "NOERROR"),
        ("web", "ANY", "NOERROR"),
        ("office", "A", "NOERROR"),
        ("nobody", "A", "NXDOMAIN"),
        ("nobody.office", "AAAA", "NXDOMAIN"),
        ("nobody", "MX", "NXDOMAIN"),
        ("web", "AXFR", "REFUSED"),
    ],
)
async def test_answer_without_an_address(name: str, kind: str, rcode: str) -> None:
    async with hub(DOCKER) as served:
        answer = await served.ask(name, kind)
        assert (RCODE[answer.header.rcode], answer.rr) == (rcode, [])


async def test_other_networks_of_a_container_stay_unknown() -> None:
    async with hub(DOCKER) as served:
        assert await served.addresses("mixed") == [WEB]
        # Not even that there is such a name is told.
        assert await served.rcode("beside") == "NXDOMAIN"
        assert await served.rcode("beside", "AAAA") == "NXDOMAIN"
        assert await served.rcode("only6", "AAAA") == "NXDOMAIN"


async def test_name_that_another_network_of_a_container_has_too_is_asked_of_the_next() -> None:
    async with hub(records(web=BESIDE), DOCKER) as served:
        assert await served.addresses("web") == [WEB, DB]


@pytest.mark.parametrize("first", [Member(None), Failing(None), Member(("127.0.0.1", 1))])
async def test_container_that_cannot_be_asked_is_passed_over(first: Member) -> None:
    async with hub(DOCKER) as served:
        served.members.insert(0, first)
        assert await served.addresses("web") == [WEB, DB]


async def test_failure_to_ask_anybody_is_no_negative_answer() -> None:
    async with hub() as served:
        served.members.append(Member(None))
        assert await served.rcode("web") == "SERVFAIL"


async def test_network_without_containers_has_no_names() -> None:
    async with hub() as served:
        assert await served.rcode("web") == "NXDOMAIN"


@pytest.mark.parametrize("reply", [silent, lambda query: b"id" + bytes(10), lambda query: b"\xff"])
async def test_name_that_docker_has_no_answer_for_is_unknown(reply: Reply) -> None:
    async with hub(reply) as served:
        assert await served.rcode("web") == "NXDOMAIN"


# Other names


async def test_other_name_is_refused_without_a_server() -> None:
    async with hub(DOCKER) as served:
        for name in ("www.example.org", "web.other", "a.web.office", "."):
            assert await served.rcode(name) == "REFUSED"


@pytest.mark.parametrize("by_tcp", [False, True], ids=["udp", "tcp"])
async def test_other_name_is_forwarded_as_it_was_asked(by_tcp: bool) -> None:
    ask = asked_by_tcp if by_tcp else asked
    async with world(UPSTREAMS[0], WWW) as server, hub(DOCKER, upstreams=UPSTREAMS) as served:
        query = DNSRecord.question("www.EXAMPLE.org")
        answer = await ask(served.to, query)
        assert answer.header.id == query.header.id
        assert str(answer.a.rdata) == WORLD
        names = ["www.EXAMPLE.org."]
        assert (server.by_tcp, server.by_udp) == ((names, []) if by_tcp else ([], names))


@pytest.mark.parametrize("first", [None, silent, with_rcode("SERVFAIL"), with_rcode("REFUSED")])
@pytest.mark.parametrize("ask", [asked, asked_by_tcp], ids=["udp", "tcp"])
async def test_server_that_does_not_answer_is_passed_over(
    ask: Callable[..., Any], first: Reply | None
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if first:
            await stack.enter_async_context(world(UPSTREAMS[0], first))
        await stack.enter_async_context(world(UPSTREAMS[1], WWW))
        served = await stack.enter_async_context(hub(DOCKER, upstreams=UPSTREAMS))
        answer = await ask(served.to, DNSRecord.question("www.example.org"))
        assert str(answer.a.rdata) == WORLD


async def test_failure_of_all_servers_is_told() -> None:
    async with hub(DOCKER, upstreams=UPSTREAMS) as served:
        assert await served.rcode("www.example.org") == "SERVFAIL"
        async with world(UPSTREAMS[1], with_rcode("REFUSED")):
            assert await served.rcode("www.example.org") == "REFUSED"


async def test_answer_to_another_question_is_passed_over() -> None:
    def lying(query: DNSRecord) -> bytes:
        other = DNSRecord.question("www.example.com")
        other.header.id = query.header.id
        return WWW(other) or b""

    async with world(UPSTREAMS[0], lying), hub(DOCKER, upstreams=UPSTREAMS) as served:
        assert await served.rcode("www.example.org") == "SERVFAIL"
        by_tcp = await asked_by_tcp(served.to, DNSRecord.question("www.example.org"))
        assert by_tcp.header.rcode == RCODE.SERVFAIL


async def test_long_answer_comes_by_tcp() -> None:
    def long(query: DNSRecord) -> bytes:
        answer = query.reply()
        answer.add_answer(*(RR(query.q.qname, QTYPE.TXT, rdata=TXT("a" * 200)) for _ in range(9)))
        return bytes(answer.pack())

    async with world(UPSTREAMS[0], long), hub(DOCKER, upstreams=UPSTREAMS) as served:
        query = DNSRecord.question("www.example.org", "TXT")
        query.add_ar(EDNS0(udp_len=4096))
        short = await asked(served.to, query)
        assert (short.header.tc, short.rr) == (1, [])
        assert len((await asked_by_tcp(served.to, query)).rr) == 9


# Who may ask


@pytest.mark.parametrize("ask", [asked, asked_by_tcp], ids=["udp", "tcp"])
@pytest.mark.parametrize("name", ["web", "www.example.org"])
async def test_container_is_refused(ask: Callable[..., Any], name: str) -> None:
    async with world(UPSTREAMS[0], WWW) as server, hub(DOCKER, upstreams=UPSTREAMS) as served:
        answer = await ask(served.to, DNSRecord.question(name), source=CONTAINER)
        assert (answer.header.rcode, answer.rr) == (RCODE.REFUSED, [])
        assert server.by_udp == server.by_tcp == []


async def test_container_is_refused_by_its_link_local_address_too() -> None:
    resolver = NameResolver(HUB, ())
    query = bytes(DNSRecord.question("web").pack())
    answer = await resolver.answer(query, ip_address("fe80::5%lo"), by_tcp=False)
    assert answer
    assert DNSRecord.parse(answer).header.rcode == RCODE.REFUSED


# Whatever clients do


@pytest.mark.parametrize("packet", [b"", b"\0", bytes(11), bytes(12), b"\xff" * 40, bytes(1300)])
async def test_malformed_packet_does_no_harm(packet: bytes) -> None:
    async with hub(DOCKER) as served:
        with datagrams(served.to) as client:
            client.send(packet)
        async with connection(served.to) as (_, writer):
            writer.write(len(packet).to_bytes(2) + packet)
            await writer.drain()
        assert await served.addresses("web") == [WEB, DB]


PEERS = tuple(f"127.0.1.{number}" for number in range(1, name_server.SHARE + 1))


async def flood(served: Hub, *peers: str) -> list[int]:
    """Send more queries from each peer than its share; return how many got an answer."""
    go = asyncio.Event()

    class Waiting(Member):
        async def ask_names(self, query: bytes, seconds: float) -> bytes | None:
            await go.wait()
            return None

    served.members.append(Waiting(None))
    async with contextlib.AsyncExitStack() as stack:
        clients = [stack.enter_context(datagrams(served.to, peer)) for peer in peers]
        for client in clients:
            for _ in range(name_server.MOST_QUERIES // name_server.SHARE + 5):
                client.send(DNSRecord.question("web").pack())
        # By then each is taken, or dropped.
        for _ in range(1000):
            await asyncio.sleep(0)
        go.set()
        answers = []
        for client in clients:
            answered = 0
            with contextlib.suppress(TimeoutError):
                while await received(client, 0.2):
                    answered += 1
            answers.append(answered)
    served.members.pop()
    return answers


async def test_queries_beyond_the_limits_are_dropped() -> None:
    async with hub(DOCKER) as served:
        served.members.clear()
        share = name_server.MOST_QUERIES // name_server.SHARE
        assert await flood(served, PEERS[0]) == [share]
        assert await flood(served, *PEERS, "127.0.2.1") == [share] * len(PEERS) + [0]
        assert await served.rcode("web") == "NXDOMAIN"


async def test_connections_beyond_the_limits_are_reset() -> None:
    share = name_server.MOST_CONNECTIONS // name_server.SHARE
    web = DNSRecord.question("web")
    async with hub(DOCKER) as served:
        async with contextlib.AsyncExitStack() as stack:
            for peer in PEERS:
                # Others still have room.
                assert (await asked_by_tcp(served.to, web, source=peer)).rr
                for _ in range(share):
                    await stack.enter_async_context(connection(served.to, peer))
                with pytest.raises(ConnectionResetError):
                    await asked_by_tcp(served.to, web, source=peer)
            with pytest.raises(ConnectionResetError):
                await asked_by_tcp(served.to, web)
        answer = None
        while answer is None:
            # The others' ends are noticed one by one.
            with contextlib.suppress(ConnectionResetError):
                answer = await asked_by_tcp(served.to, web)
        assert answer.rr


async def test_connection_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_server, "CONNECTION_SECONDS", 0.05)
    async with hub(DOCKER) as served, connection(served.to) as (reader, writer):
        writer.write(b"\0")
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_connection_serves_query_by_query_and_ends_with_the_client() -> None:
    async with hub(DOCKER) as served:
        queries = [DNSRecord.question(name) for name in ("nobody", "web.office", "web")]
        assert [str(each.rdata) for each in (await asked_by_tcp(served.to, *queries)).rr] == [
            WEB,
            DB,
        ]
        async with connection(served.to) as (reader, writer):
            packet = DNSRecord.question("web").pack()
            writer.write(len(packet).to_bytes(2) + packet)
            writer.write_eof()
            answer = await reader.read()
            assert DNSRecord.parse(answer[2:]).rr


# When it serves


async def test_nothing_is_done_if_nothing_has_changed() -> None:
    async with hub(DOCKER) as served, connection(served.to):
        await served.follow()
        await served.follow(*UPSTREAMS)
        assert served.router.listened == 1


async def test_edited_servers_count_at_once() -> None:
    async with world(UPSTREAMS[0], WWW), hub(DOCKER) as served:
        assert await served.rcode("www.example.org") == "REFUSED"
        await served.follow(*UPSTREAMS)
        assert await served.addresses("www.example.org") == [WORLD]
        await served.follow()
        assert await served.rcode("www.example.org") == "REFUSED"


async def test_other_gateways_are_served_in_place_of_the_former() -> None:
    async with hub(DOCKER) as served:
        await served.follow(gateway=OTHER)
        with pytest.raises(ConnectionRefusedError):
            await served.rcode("web")
        to = str(OTHER.ip), served.port
        assert (await asked(to, DNSRecord.question("web"))).header.rcode == RCODE.NXDOMAIN


async def test_router_that_was_opened_again_is_listened_in_anew() -> None:
    async with hub(DOCKER) as served:
        served.router = Router()
        await served.follow()
        assert served.router.listened == 1
        assert await served.addresses("web") == [WEB, DB]
        assert (await asked_by_tcp(served.to, DNSRecord.question("web"))).rr


async def test_failure_to_listen_is_told_and_the_next_call_tries_again() -> None:
    async with hub(DOCKER) as served:
        served.router = Router(is_failing=True)
        with pytest.raises(BackendError) as error:
            await served.follow()
        assert error.value.code is Code.NAMES_NOT_SERVED
        served.router.is_failing = False
        await served.follow()
        assert await served.addresses("web") == [WEB, DB]


async def test_address_in_use_is_an_error_that_names_it() -> None:
    served = Hub()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(served.to)
        with pytest.raises(BackendError, match=r"names can't be served at 127\.30\.5\.1: Address"):
            await served.follow()


async def test_addresses_are_free_after_close() -> None:
    async with hub(DOCKER) as served:
        reader, writer = await asyncio.open_connection(*served.to)
        await served.ask("web")
        served.service.close()
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            name_sockets._listening(GATEWAY.ip, served.port, kind).close()
        # Its own end comes later.
        async with asyncio.timeout(name_server.CONNECTION_SECONDS / 2):
            with pytest.raises(ConnectionResetError):
                await reader.read()
        writer.transport.abort()
        served.service.close()


async def test_close_while_it_begins_to_listen_counts() -> None:
    async with hub(DOCKER) as served:
        served.service.close()
        following = asyncio.ensure_future(served.follow())
        await asyncio.sleep(0)
        served.service.close()
        await following
        name_sockets._listening(GATEWAY.ip, served.port, socket.SOCK_DGRAM).close()
