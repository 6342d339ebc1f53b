"""Clients everywhere reach published ports, and nothing else passes by a link."""

import socket
import struct
from pathlib import Path

import pytest

from tests.kernel.hosts import (
    ANSWER,
    HOPS,
    HOST,
    INNER,
    LOOPBACK,
    NEIGHBOUR,
    PORT,
    REQUEST,
    Container,
    client,
    container,
    is_reached,
    listening,
    needs_sctp,
    port,
    source,
    started,
    write,
)
from tests.kernel.namespaces import (
    BOTH_FAMILIES,
    alone,
    ip,
    needs_ipv6,
    needs_namespaces,
    needs_nftables,
    needs_sysctl,
    within,
)
from wgplugin.kernel import nftables
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.netlink import NetlinkSocket
from wgplugin.kernel.nftables import INET, Chain, Table
from wgplugin.kernel.nftables_lists import list_rules
from wgplugin.model.published import Publication

pytestmark = [needs_namespaces, needs_nftables, needs_ipv6, needs_sysctl]

PROTOCOLS = pytest.mark.parametrize(
    "protocol", ["tcp", "udp", pytest.param("sctp", marks=needs_sctp)]
)
FLUSH_CONNECTIONS = 0x102
ANY: dict[int, str] = {4: "0.0.0.0", 6: "::"}


def own_table() -> str:
    """Return the name of the only table, which is the plugin's."""
    (name,) = {each.table for each in NetfilterSocket().chains() if "ports" in each.table}
    return name


def tables() -> set[tuple[int, str]]:
    return {(each.family, each.table) for each in NetfilterSocket().chains()}


# Clients


@PROTOCOLS
@BOTH_FAMILIES
@alone
def test_clients_are_answered_and_only_those_of_the_loopback_are_masqueraded(
    version: int, protocol: str
) -> None:
    host, box = started(), container()
    host.publish(box.publication(port(protocol=protocol)))
    with listening(box.namespace, ANY[version], protocol=protocol) as server:
        for namespace, address, seen in (
            (host.neighbour, HOST[version], NEIGHBOUR[version]),
            (-1, HOST[version], HOST[version]),
            (-1, LOOPBACK[version], HOPS[version]),
            (-1, HOPS[version], HOPS[version]),
        ):
            assert source(server, namespace, address, protocol=protocol) == seen


EVERYBODY = {"outside", "second", "host", "loopback"}


@pytest.mark.parametrize(
    ("addresses", "reached"),
    [
        ({4: "", 6: ""}, EVERYBODY),
        (ANY, EVERYBODY),
        ({4: ANY[6], 6: ANY[4]}, set()),
        (HOST, {"outside", "host"}),
        (LOOPBACK, {"loopback"}),
    ],
    ids=["all", "any", "any-of-the-other-family", "one", "loopback"],
)
@BOTH_FAMILIES
@alone
def test_port_of_an_address_is_reached_by_that_address_alone(
    version: int, addresses: dict[int, str], reached: set[str]
) -> None:
    host, box = started(), container()
    second = {4: "192.0.2.2", 6: "2001:db8::2"}
    ip(f"address add {second[4]} dev eth0", f"address add {second[6]} dev eth0 nodad")
    host.publish(box.publication(port(address=addresses[version], protocol="udp")))
    clients = {
        "outside": (host.neighbour, HOST[version]),
        "second": (host.neighbour, second[version]),
        "host": (-1, HOST[version]),
        "loopback": (-1, LOOPBACK[version]),
    }
    with listening(box.namespace, ANY[version], protocol="udp") as server:
        assert {name for name, each in clients.items() if is_reached(server, *each)} == reached


@alone
def test_port_of_the_loopback_is_not_reached_from_outside_even_if_that_is_routed() -> None:
    host, box = started(), container()
    write(Path("net/ipv4/conf/eth0/route_localnet"), "1")

    def send_loopback_out() -> None:
        write(Path("net/ipv4/conf/eth0/route_localnet"), "1")
        ip(f"route add 127.0.0.1 via {HOST[4]} dev eth0")

    within(host.neighbour, send_loopback_out)
    host.publish(box.publication(port(address="127.0.0.1", protocol="udp")))
    with listening(box.namespace, ANY[4], protocol="udp") as server:
        assert not is_reached(server, host.neighbour, "127.0.0.1")
        host.publish(box.publication(port(protocol="udp")))
        assert is_reached(server, host.neighbour, HOST[4])


@alone
def test_two_containers_have_their_ports() -> None:
    host, first, second = started(), container(2), container(3)
    host.publish(first.publication(port(8080)), second.publication(port(8081), port(8082, "udp")))
    with (
        listening(first.namespace, ANY[4]) as one,
        listening(second.namespace, ANY[4]) as other,
        listening(first.namespace, ANY[6]) as one_s,
        listening(second.namespace, ANY[6], protocol="udp") as other_s,
    ):
        assert source(one, host.neighbour, HOST[4], 8080) == NEIGHBOUR[4]
        assert source(other, host.neighbour, HOST[4], 8081) == NEIGHBOUR[4]
        assert source(one_s, -1, LOOPBACK[6], 8080) == HOPS[6]
        assert source(other_s, -1, LOOPBACK[6], 8082, "udp") == HOPS[6]


@alone
def test_containers_behind_one_link_have_ports_of_their_own() -> None:
    host, box = started(), container(2)
    second = Container(3)
    within(box.namespace, lambda: ip(f"address add {second.addresses[4]} dev wgpub0"))
    host.publish(
        box.publication(port(8080)),
        Publication(box.device, tuple(second.addresses.values()), (port(8081),)),
    )
    for number, own in ((8080, box), (8081, second)):
        with listening(box.namespace, str(own.addresses[4])) as server:
            assert source(server, host.neighbour, HOST[4], number) == NEIGHBOUR[4]


@alone
def test_docker_s_own_port_comes_first() -> None:
    host, box, docker_s = started(), container(2), container(3)
    host.publish(box.publication(port()), docker_s.publication(port(9999)))
    redirect = (
        *nftables.meta(nftables.META_L4PROTO, bytes([socket.IPPROTO_TCP])),
        *nftables.payload(nftables.TRANSPORT, 2, struct.pack(">H", PORT)),
        *nftables.dnat(docker_s.addresses[4].packed, INNER),
    )
    chain = Chain("nat", (redirect,), "nat", nftables.PREROUTING, -100)
    NetfilterSocket().install(Table("docker", (chain,), family=2))
    with listening(docker_s.namespace, ANY[4]) as server:
        assert source(server, host.neighbour, HOST[4]) == NEIGHBOUR[4]


@alone
def test_connection_goes_on_when_the_host_forgets_it() -> None:
    host, box = started(), container()
    host.publish(box.publication(port()))
    with (
        listening(box.namespace, ANY[4]) as server,
        client(host.neighbour, 4) as asking,
    ):
        asking.connect((HOST[4], PORT))
        accepted, _ = server.accept()
        with accepted:
            NetlinkSocket(12).request(FLUSH_CONNECTIONS, struct.pack(">BBH", 0, 0, 0))
            asking.sendall(REQUEST)
            accepted.settimeout(10)
            assert accepted.recv(99) == REQUEST
            accepted.sendall(ANSWER)
            assert asking.recv(99) == ANSWER


@BOTH_FAMILIES
@alone
def test_client_that_goes_on_sending_gets_to_where_the_port_leads_now(version: int) -> None:
    host, first, second = started(), container(2), container(3)
    published = port(protocol="udp")
    with (
        client(host.neighbour, version, "udp") as asking,
        client(-1, version, "udp") as own,
        listening(first.namespace, ANY[version], protocol="udp") as one,
        listening(second.namespace, ANY[version], protocol="udp") as other,
    ):
        for each in (asking, own):
            each.connect((HOST[version], PORT))
            each.send(b"to nobody")
            with pytest.raises(ConnectionRefusedError):
                each.recv(99)
        for box, server in ((first, one), (second, other)):
            host.publish(box.publication(published))
            for each in (asking, own):
                each.send(REQUEST)
                content, peer = server.recvfrom(99)
                server.sendto(ANSWER, peer)
                assert content == REQUEST
                assert each.recv(99) == ANSWER


@alone
def test_client_is_not_interrupted_by_a_change_of_other_ports() -> None:
    host, first, second = started(), container(2), container(3)
    published = port(protocol="udp")
    host.publish(first.publication(published))
    with (
        client(host.neighbour, 4, "udp") as asking,
        listening(first.namespace, ANY[4], protocol="udp") as server,
    ):
        asking.connect((HOST[4], PORT))
        asking.send(REQUEST)
        _, peer = server.recvfrom(99)
        host.publish(first.publication(published), second.publication(port(9, "udp")))
        # Only an answer in the same connection gets through.
        server.sendto(ANSWER, peer)
        assert asking.recv(99) == ANSWER


# What doesn't pass


@BOTH_FAMILIES
@alone
def test_neighbour_that_sends_to_a_container_s_own_address_is_not_let_through(version: int) -> None:
    host, box = started(), container()
    host.publish(box.publication(port(protocol="udp")))
    address = str(box.addresses[version])
    within(host.neighbour, lambda: ip(f"route add {address} via {HOST[version]}"))
    with listening(box.namespace, ANY[version], protocol="udp") as server:
        assert not is_reached(server, host.neighbour, address, INNER)
        assert not is_reached(server, -1, address, INNER)
        assert is_reached(server, host.neighbour, HOST[version])


@BOTH_FAMILIES
@alone
def test_container_begins_nothing_by_its_link(version: int) -> None:
    host, box = started(), container()
    host.publish(box.publication(port(protocol="udp")))
    with listening(-1, ANY[version], 5353, "udp") as server:
        for address in (HOPS[version], HOST[version]):
            assert not is_reached(server, box.namespace, address, 5353)
        assert is_reached(server, host.neighbour, HOST[version], 5353)
    with listening(host.neighbour, ANY[version], 5353, "udp") as server:
        assert not is_reached(server, box.namespace, NEIGHBOUR[version], 5353)
    assert dropped("answers") >= 3


def dropped(chain: str) -> int:
    """Return the packets that a chain of the own table has dropped."""
    counted = 0
    for rule in NetlinkSocket(12).dump(*list_rules(INET, own_table(), chain)):
        at = rule.find(b"counter\0")
        if at >= 0:
            # Behind the name: a nest's header, the bytes, and the packets.
            counted += struct.unpack_from(">Q", rule, at + 8 + 4 + 12 + 4)[0]
    return counted
