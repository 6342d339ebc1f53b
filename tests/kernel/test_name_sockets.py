"""Names are asked for from a container's namespace, and served in a router's."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path

import pytest

from tests.kernel.hosts import listening
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    DEVICE,
    OWNER,
    add_device,
    alone,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    new_namespace,
    within,
)
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, privileges
from wgplugin.kernel.containers import KernelContainer
from wgplugin.kernel.routers import KernelRouter
from wgplugin.kernel.space import Space
from wgplugin.kernel.turns import Turns
from wgplugin.model.namespace import Plan
from wgplugin.model.prefixes import EVERYTHING
from wgplugin.networks import names

pytestmark = needs_namespaces

DOCKER, PORT = "127.0.0.11", 53
GATEWAYS = {4: "172.20.0.1", 6: "fd77::1"}
HOSTS = {4: "172.20.0.5", 6: "fd77::5"}
LONG, SHORT = 10.0, 0.2
ANSWER = b"answer to "
QUERY = names.docker_query(b"web", 1)
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def sandbox() -> int:
    """Return a container's namespace."""
    found = new_namespace()
    within(found, lambda: ip("link set lo up"))
    return found


@contextlib.contextmanager
def kept(namespace: int) -> Iterator[KernelContainer]:
    """Keep a container open as the plugin does."""
    with ThreadPoolExecutor(1) as pool:
        space = within(namespace, Space)
        container = KernelContainer(space, Path("/nowhere"), (0, 0), Turns(pool.submit, LONG))
        try:
            yield container
        finally:
            container.close()


@contextlib.contextmanager
def routing(namespace: int) -> Iterator[KernelRouter]:
    """Keep a router open as the plugin does."""
    with ThreadPoolExecutor(1) as pool:
        space = within(namespace, lambda: Space(os.dup(namespace)))
        router = KernelRouter("r", space, Turns(pool.submit, LONG))
        try:
            yield router
        finally:
            router.close()


@contextlib.contextmanager
def docker(namespace: int, queries: int = 1) -> Iterator[None]:
    """Docker's resolver in a container, for so many queries."""
    with listening(namespace, DOCKER, PORT, "udp") as server:

        def serve() -> None:
            for _ in range(queries):
                query, client = server.recvfrom(512)
                server.sendto(ANSWER + query, client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(LONG)


def asked(namespace: int, seconds: float = LONG) -> bytes | None:
    async def ask() -> bytes | None:
        with kept(namespace) as container:
            return await container.ask_names(QUERY, seconds)

    return asyncio.run(ask())


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


# Asking in a container


@alone
def test_container_s_own_resolver_is_asked() -> None:
    namespace = sandbox()
    ip("link set lo up")
    # This namespace's has nothing to say.
    with listening(-1, DOCKER, PORT, "udp"), docker(namespace):
        assert asked(namespace) == ANSWER + QUERY


@alone
def test_queries_at_the_same_time_get_their_own_answers() -> None:
    namespace, queries = sandbox(), [f"query {number}".encode() for number in range(9)]

    async def ask() -> None:
        with kept(namespace) as container:
            asking = (container.ask_names(query, LONG) for query in queries)
            assert await asyncio.gather(*asking) == [ANSWER + query for query in queries]

    with docker(namespace, len(queries)):
        asyncio.run(ask())


@alone
def test_answer_that_stays_away_is_empty() -> None:
    namespace = sandbox()
    with listening(namespace, DOCKER, PORT, "udp"):
        assert asked(namespace, SHORT) == b""


@pytest.mark.parametrize("is_up", [True, False], ids=["nobody-listens", "no-loopback"])
@alone
def test_container_without_a_resolver_cannot_be_asked(is_up: bool) -> None:
    assert asked(sandbox() if is_up else new_namespace()) is None


@alone
def test_container_that_was_closed_is_an_error() -> None:
    async def ask() -> None:
        with kept(sandbox()) as container:
            pass
        with pytest.raises(BackendError):
            await container.ask_names(QUERY, LONG)

    asyncio.run(ask())


@alone
def test_container_where_other_work_hangs_is_passed_over() -> None:
    namespace = sandbox()

    async def ask() -> None:
        with kept(namespace) as container:
            hangs = threading.Event()
            hanging = asyncio.ensure_future(container._do(lambda space: hangs.wait(LONG)))
            await asyncio.sleep(0)
            assert await container.ask_names(QUERY, LONG) is None
            hangs.set()
            await hanging

    with listening(namespace, DOCKER, PORT, "udp"):
        asyncio.run(ask())


@alone
def test_asking_leaves_no_file_open() -> None:
    namespace = sandbox()
    with listening(namespace, DOCKER, PORT, "udp"), kept(namespace) as container:
        before = open_files()

        async def ask() -> None:
            assert await container.ask_names(QUERY, SHORT) == b""
            for rounds in range(40):
                asking = asyncio.ensure_future(container.ask_names(QUERY, LONG))
                for _ in range(rounds):
                    await asyncio.sleep(0.0002)
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
            assert await container.ask_names(QUERY, SHORT) == b""

        asyncio.run(ask())
        assert open_files() == before


@needs_nftables
@pytest.mark.parametrize("all_names", [True, False], ids=["all-names", "domains"])
@alone
def test_nftables_of_a_member_with_a_dns_server_let_it_pass(all_names: bool) -> None:
    namespace = sandbox()
    with docker(namespace):
        within(namespace, lambda: guard(all_names=all_names))
        assert asked(namespace) == ANSWER + QUERY


@needs_nftables
@alone
def test_container_that_stays_closed_cannot_be_asked() -> None:
    namespace = sandbox()
    with listening(namespace, DOCKER, PORT, "udp"):
        within(namespace, lambda: guard(closed=True))
        assert asked(namespace) is None


def guard(*, all_names: bool = True, closed: bool = False) -> None:
    """Install the nftables of a container with a file's DNS server."""
    domains = () if all_names else ("example.org",)
    plan = Plan(
        DEVICE,
        OWNER,
        (ip_interface("172.20.0.5/24"),),
        (EVERYTHING[4],),
        dns=IPv4Address("10.8.0.1"),
        domains=domains,
        closed=closed,
    )
    with contextlib.closing(Space()) as space:
        apply.apply_firewall(space, plan, ())


# Serving in a router


def bridge() -> int:
    """Return a router's namespace, with the gateway addresses."""
    namespace = new_namespace()
    addresses = [f"{GATEWAYS[4]}/24", f"{GATEWAYS[6]}/64"]
    within(namespace, lambda: add_device("br0", *addresses))
    within(namespace, lambda: ip("link set lo up"))
    return namespace


def opened(namespace: int, *addresses: str) -> list[socket.socket]:
    with routing(namespace) as router:
        wanted = tuple(map(ip_address, addresses))
        descriptors = asyncio.run(router.listen(wanted, PORT))
    return [socket.socket(fileno=each) for each in descriptors]


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


@needs_ipv6
@BOTH_FAMILIES
@alone
def test_router_listens_by_udp_and_tcp(version: int) -> None:
    namespace = bridge()
    udp, tcp = opened(namespace, GATEWAYS[version])
    to = GATEWAYS[version], PORT

    def ask(kind: socket.SocketKind) -> socket.socket:
        client = socket.socket(FAMILIES[version], kind)
        client.settimeout(LONG)
        client.connect(to)
        client.send(QUERY)
        return client

    udp.setblocking(True)
    with within(namespace, lambda: ask(socket.SOCK_DGRAM)) as client:
        query, address = udp.recvfrom(512)
        udp.sendto(ANSWER + query, address)
        assert client.recv(512) == ANSWER + QUERY
    tcp.setblocking(True)
    with within(namespace, lambda: ask(socket.SOCK_STREAM)), tcp.accept()[0] as accepted:
        assert accepted.recv(512) == QUERY
    close([udp, tcp])


@needs_ipv6
@alone
def test_it_needs_no_privilege_but_those_that_the_plugin_keeps() -> None:
    namespace = bridge()
    privileges.drop(privileges.NEEDED_LIVE)
    sockets = opened(namespace, *GATEWAYS.values())
    assert [each.getsockname()[:2] for each in sockets] == [
        (address, PORT) for address in GATEWAYS.values() for _ in ("udp", "tcp")
    ]
    close(sockets)


@needs_ipv6
@alone
def test_address_may_come_later() -> None:
    namespace = new_namespace()
    sockets = opened(namespace, *GATEWAYS.values())
    addresses = [f"{GATEWAYS[4]}/24", f"{GATEWAYS[6]}/64"]
    within(namespace, lambda: add_device("br0", *addresses))
    for version, udp in zip((4, 6), sockets[::2], strict=True):
        assert is_reached(namespace, udp, version)
    close(sockets)


def is_reached(namespace: int, udp: socket.socket, version: int) -> bool:
    def send() -> None:
        with socket.socket(FAMILIES[version], socket.SOCK_DGRAM) as client:
            client.sendto(QUERY, (GATEWAYS[version], PORT))

    within(namespace, lambda: ip("link set lo up"))
    within(namespace, send)
    udp.settimeout(LONG)
    return udp.recv(512) == QUERY


@alone
def test_address_in_use_is_an_error_that_leaves_nothing_open() -> None:
    namespace = bridge()
    with listening(namespace, GATEWAYS[6], PORT, "tcp"):
        before = open_files()
        with pytest.raises(BackendError) as error:
            opened(namespace, *GATEWAYS.values())
        assert error.value.code is Code.NAMES_NOT_SERVED
        assert f"names can't be served at {GATEWAYS[6]}: Address already in use" in str(error.value)
        assert open_files() == before


@alone
def test_former_connections_do_not_keep_the_port() -> None:
    namespace = bridge()
    _, tcp = sockets = opened(namespace, GATEWAYS[4])

    def connect() -> socket.socket:
        return socket.create_connection((GATEWAYS[4], PORT), LONG)

    tcp.setblocking(True)
    with within(namespace, connect):
        # The server ends it first, so its end stays for a minute.
        tcp.accept()[0].close()
    close(sockets)
    close(opened(namespace, GATEWAYS[4]))


@alone
def test_sockets_of_a_cancelled_call_are_closed() -> None:
    namespace = bridge()
    with routing(namespace) as router:
        before = open_files()

        async def listen() -> None:
            for rounds in range(40):
                listening = asyncio.ensure_future(router.listen([ip_address(GATEWAYS[4])], PORT))
                for _ in range(rounds):
                    await asyncio.sleep(0.0002)
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    for each in await listening:
                        os.close(each)

        asyncio.run(listen())
        assert open_files() == before
