"""Who listens on which ports is seen."""

import socket

from tests.kernel.hosts import client, listening
from tests.kernel.namespaces import alone, ip, needs_ipv6, needs_namespaces
from wgplugin.kernel.listeners import listeners
from wgplugin.model.published import Protocol

pytestmark = [needs_namespaces, needs_ipv6]


def found(*protocols: Protocol) -> set[str]:
    return {str(each) for each in listeners(protocols)}


@alone
def test_sockets_that_listen_are_seen_with_the_addresses_that_they_take() -> None:
    ip("link set lo up")
    with (
        listening(-1, "0.0.0.0", 1),
        listening(-1, "127.0.0.1", 2),
        listening(-1, "::", 3),
        listening(-1, "::1", 4),
        listening(-1, "0.0.0.0", 5, "udp"),
        listening(-1, "::1", 6, "udp"),
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as both,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mapped,
    ):
        for each, address in ((both, ("::", 7)), (mapped, ("::ffff:127.0.0.1", 8))):
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            each.bind(address)
        both.listen()
        assert found("tcp") == {
            *("0.0.0.0:1:0/tcp", "127.0.0.1:2:0/tcp", "[::]:3:0/tcp", "[::1]:4:0/tcp", "7:0/tcp")
        }
        assert found("udp") == {"0.0.0.0:5:0/udp", "[::1]:6:0/udp", "127.0.0.1:8:0/udp"}
    assert found("tcp", "udp") == set()


@alone
def test_sockets_of_clients_are_not_seen() -> None:
    ip("link set lo up")
    with (
        listening(-1, "127.0.0.1", 1) as server,
        client(-1, 4) as asking,
        client(-1, 4, "udp") as sending,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound,
    ):
        asking.connect(("127.0.0.1", 1))
        sending.connect(("127.0.0.1", 1))
        bound.bind(("127.0.0.1", 2))
        with server.accept()[0]:
            assert found("tcp", "udp") == {"127.0.0.1:1:0/tcp"}


@alone
def test_protocol_that_the_kernel_cannot_tell_of_has_no_listeners() -> None:
    assert found("sctp") == set()
