"""The kernel takes a tunnel's nftables, and a query for a name goes where they send it."""

import errno
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_interface
from pathlib import Path

import pytest

from tests.kernel.namespaces import (
    DEVICE,
    add_device,
    add_tunnel,
    alone,
    ip,
    needs_namespaces,
    needs_nftables,
)
from wgplugin.kernel import apply, nftables
from wgplugin.kernel.apply import GoneError
from wgplugin.kernel.nftables import Chain
from wgplugin.model.namespace import Plan

pytestmark = [needs_namespaces, needs_nftables]

SERVER, DOCKERS, OWN = "10.8.0.1", "127.0.0.11", "127.0.0.1"
ADDRESSES = (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128"))
PLAN = Plan(DEVICE, ADDRESSES)
DNS = Plan(DEVICE, ADDRESSES, dns=IPv4Address(SERVER))
OTHER = Plan("wgpffffffffffff", ADDRESSES[:1])
REFUSED = Chain("refused", (nftables.jump("nowhere"),))


@contextmanager
def resolvers() -> Iterator[list[socket.socket]]:
    """Listen for queries where the tunnel's server, Docker's resolver and the own one would."""
    ip("link set lo up", f"address add {SERVER}/32 dev lo")
    listeners = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for listener, host in zip(listeners, (SERVER, DOCKERS, OWN), strict=True):
        listener.bind((host, 53))
    yield listeners
    for listener in listeners:
        listener.close()


def asked(listeners: list[socket.socket], name: str, host: str = DOCKERS) -> str:
    """Return who gets a query for a name that a program sends to a host."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(query, (host, 53))
        (listener,), _, _ = select.select(listeners, (), (), 10)
        assert listener.recv(512) == query
        return str(listener.getsockname()[0])


@pytest.mark.parametrize("plan", [PLAN, DNS], ids=["replies", "names"])
@alone
def test_tables_of_a_plan_are_taken_and_taken_again(plan: Plan) -> None:
    add_tunnel()
    apply.apply_firewall(plan)
    apply.apply_firewall(plan)


@pytest.mark.parametrize(
    ("name", "host", "who"),
    [
        ("example.com", DOCKERS, SERVER),
        ("a.b.example.com", DOCKERS, SERVER),
        ("web", DOCKERS, DOCKERS),
        ("x" * 63, DOCKERS, DOCKERS),
        ("example.com", OWN, OWN),
        ("example.com", "10.8.0.9", SERVER),
        ("web", "10.8.0.9", SERVER),
    ],
)
@alone
def test_query_goes_to_the_server_unless_it_is_docker_s_or_the_container_s_own(
    name: str, host: str, who: str
) -> None:
    add_tunnel("10.8.0.2/24")
    with resolvers() as listeners:
        apply.apply_firewall(DNS)
        assert asked(listeners, name, host) == who


@alone
def test_table_that_is_replaced_does_nothing_any_more() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply.apply_firewall(DNS)
        apply.apply_firewall(PLAN)
        assert asked(listeners, "example.com") == DOCKERS


@alone
def test_table_that_is_cleared_does_nothing_any_more() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply.apply_firewall(DNS)
        apply.clear(DEVICE)
        assert asked(listeners, "example.com") == DOCKERS


@alone
def test_another_tunnel_s_table_is_left_alone() -> None:
    add_tunnel()
    add_tunnel(device=OTHER.device, name="wg1")
    with resolvers() as listeners:
        apply.apply_firewall(DNS)
        apply.apply_firewall(OTHER)
        apply.clear(OTHER.device)
        assert asked(listeners, "example.com") == SERVER


@alone
def test_batch_that_is_refused_is_an_error_and_leaves_the_table_as_it_is() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply.apply_firewall(DNS)
        with pytest.raises(OSError, match="No such file") as error:
            apply._send(nftables.replace_table(DEVICE, [REFUSED]))
        assert error.value.errno == errno.ENOENT
        assert asked(listeners, "example.com") == SERVER


@alone
def test_table_that_is_not_there_is_deleted_without_an_error() -> None:
    apply._send(nftables.delete_table(DEVICE))


@pytest.mark.parametrize(("plan", "value"), [(DNS, 1), (PLAN, 0)], ids=["names", "replies"])
@alone
def test_queries_of_the_loopback_may_leave_by_the_tunnel_where_they_shall(
    plan: Plan, value: int
) -> None:
    add_tunnel()
    add_device("eth0")
    settings = Path("/proc/sys/net/ipv4/conf")
    apply.apply_firewall(DNS)
    apply.apply_firewall(plan)
    assert int((settings / "wg0/route_localnet").read_text()) == value
    assert int((settings / "eth0/route_localnet").read_text()) == 0


@alone
def test_device_that_is_not_there_gets_no_table() -> None:
    with resolvers() as listeners:
        with pytest.raises(GoneError):
            apply.apply_firewall(DNS)
        assert asked(listeners, "example.com") == DOCKERS
