"""The kernel takes a tunnel's nftables, and a query for a name goes where they send it."""

import contextlib
import errno
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_interface, ip_network
from pathlib import Path

import pytest

from tests.kernel.namespaces import (
    DEVICE,
    OTHER,
    OWNER,
    add_device,
    add_tunnel,
    alone,
    apply_firewall,
    here,
    ip,
    needs_namespaces,
    needs_nftables,
)
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import apply, nftables
from wgplugin.kernel.firewall import table_name
from wgplugin.kernel.netfilter import NetfilterSocket
from wgplugin.kernel.nftables import Chain, Table
from wgplugin.kernel.nftables_messages import create_table, replace_table
from wgplugin.model.device import DeviceConfig
from wgplugin.model.namespace import OtherNetwork, Plan

pytestmark = [needs_namespaces, needs_nftables]

SERVER, DOCKERS, OWN = "10.8.0.1", "127.0.0.11", "127.0.0.1"
ADDRESSES = (ip_interface("10.8.0.2/32"), ip_interface("fd08::2/128"))
PLAN = Plan(DEVICE, OWNER, ADDRESSES)
DNS = Plan(DEVICE, OWNER, ADDRESSES, dns=IPv4Address(SERVER))
OTHER_PLAN = Plan("wgpffffffffffff", OTHER, ADDRESSES[:1])
REFUSED = Table(table_name(OWNER), (Chain("refused", (nftables.jump("nowhere"),)),))


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
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(query(name), (host, 53))
        (listener,), _, _ = select.select(listeners, (), (), 10)
        assert listener.recv(512) == query(name)
        return str(listener.getsockname()[0])


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)


@pytest.mark.parametrize("plan", [PLAN, DNS], ids=["replies", "names"])
@alone
def test_tables_of_a_plan_are_taken_and_taken_again(plan: Plan) -> None:
    add_tunnel()
    apply_firewall(plan)
    apply_firewall(plan)


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
        apply_firewall(DNS)
        assert asked(listeners, name, host) == who


@alone
def test_table_that_is_replaced_does_nothing_any_more() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply_firewall(DNS)
        apply_firewall(PLAN)
        assert asked(listeners, "example.com") == DOCKERS


@alone
def test_table_that_is_cleared_does_nothing_any_more() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply_firewall(DNS)
        apply.clear(here(), DEVICE, OWNER)
        assert asked(listeners, "example.com") == DOCKERS


@alone
def test_another_tunnel_s_table_is_left_alone() -> None:
    add_tunnel()
    add_tunnel(device=OTHER_PLAN.device, name="wg1")
    with resolvers() as listeners:
        apply_firewall(DNS)
        apply_firewall(OTHER_PLAN)
        apply.clear(here(), OTHER_PLAN.device, OTHER)
        assert asked(listeners, "example.com") == SERVER


@alone
def test_batch_that_is_refused_is_an_error_and_leaves_the_table_as_it_is() -> None:
    add_tunnel()
    with resolvers() as listeners:
        apply_firewall(DNS)
        with pytest.raises(OSError, match="No such file") as error:
            NetfilterSocket().send(replace_table(REFUSED))
        assert error.value.errno == errno.ENOENT
        assert asked(listeners, "example.com") == SERVER


@alone
def test_long_batch_that_is_refused_in_its_middle_is_an_error() -> None:
    rules = (nftables.verdict(nftables.ACCEPT),) * 500
    chain = Chain("refused", (*rules, nftables.jump("nowhere"), *rules))
    with pytest.raises(FileNotFoundError):
        NetfilterSocket().send(create_table(Table("long", (chain,))))


@alone
def test_tables_that_are_not_there_are_cleared_without_an_error() -> None:
    apply.clear(here(), DEVICE, OWNER)


@pytest.mark.parametrize(("plan", "value"), [(DNS, 1), (PLAN, 0)], ids=["names", "replies"])
@alone
def test_queries_of_the_loopback_may_leave_by_the_tunnel_where_they_shall(
    plan: Plan, value: int
) -> None:
    add_tunnel()
    add_device("eth0")
    settings = Path("/proc/sys/net/ipv4/conf")
    apply.apply(here(), DNS, DeviceConfig())
    apply.apply(here(), plan, DeviceConfig())
    assert int((settings / "wg0/route_localnet").read_text()) == value
    assert int((settings / "eth0/route_localnet").read_text()) == 0


@alone
def test_table_is_there_before_the_device() -> None:
    with resolvers() as listeners:
        apply_firewall(DNS)
        assert asked(listeners, "example.com") == SERVER


@alone
def test_tunnels_are_guarded_until_somebody_else_changes_nftables() -> None:
    space = here()
    assert not apply.is_guarded(space)
    for plan in (DNS, OTHER_PLAN, DNS):
        apply.apply_firewall(space, plan, ())
        assert apply.is_guarded(space)
    NetfilterSocket().send(create_table(Table("docker", ())))
    assert not apply.is_guarded(space)
    apply.apply_firewall(space, DNS, ())
    assert not apply.is_guarded(space)
    apply.apply_firewall(space, OTHER_PLAN, ())
    assert apply.is_guarded(space)


@alone
def test_change_that_is_refused_is_told_and_leaves_nothing_guarded() -> None:
    space = here()
    apply.apply_firewall(space, OTHER_PLAN, ())
    full = replace(DNS, routed=(ip_network("0.0.0.0/0"),))
    with pytest.raises(BackendError, match="can't stop frames") as error:
        apply.apply_firewall(space, full, (OtherNetwork("x" * 40, frozenset()),))
    assert error.value.code is Code.NO_NFTABLES
    assert "None" not in str(error.value)
    assert not apply.is_guarded(space)


@alone
def test_tunnel_that_is_cleared_leaves_the_others_guarded() -> None:
    space = here()
    apply.apply_firewall(space, DNS, ())
    apply.apply_firewall(space, OTHER_PLAN, ())
    apply.clear(space, DEVICE, OWNER)
    assert apply.is_guarded(space)
    apply.clear(space, OTHER_PLAN.device, OTHER)
    assert not apply.is_guarded(space)


@alone
def test_device_s_state_tells_whether_it_is_guarded() -> None:
    add_tunnel()
    space = here()
    apply.apply_firewall(space, DNS, ())
    observed = apply.observe(space, DEVICE)
    assert observed
    assert observed.guarded
    NetfilterSocket().send(create_table(Table("docker", ())))
    observed = apply.observe(space, DEVICE)
    assert observed
    assert not observed.guarded


SPLIT_SERVER = "10.9.0.1"
SPLIT = Plan(
    "wgpffffffffffff",
    OTHER,
    ADDRESSES[:1],
    dns=IPv4Address(SPLIT_SERVER),
    domains=("Corp.example.",),
    all_names=False,
)


@contextmanager
def two_tunnels() -> Iterator[list[socket.socket]]:
    """Listen where the servers of a full tunnel and of a split one would, beside Docker's."""
    add_tunnel("10.8.0.2/24")
    ip("link set lo up", *(f"address add {host}/32 dev lo" for host in (SERVER, SPLIT_SERVER)))
    listeners = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for listener, host in zip(listeners, (SERVER, SPLIT_SERVER, DOCKERS), strict=True):
        listener.bind((host, 53))
    for plan in (SPLIT, DNS):
        apply_firewall(plan)
    yield listeners
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("corp.example", SPLIT_SERVER),
        ("a.corp.example", SPLIT_SERVER),
        ("A.b.Corp.EXAMPLE", SPLIT_SERVER),
        (f"{'x' * 60}.{'y' * 60}.{'z' * 60}.corp.example", SPLIT_SERVER),
        ("xcorp.example", SERVER),
        ("corp.example.com", SERVER),
        ("example", DOCKERS),
        ("www.example.com", SERVER),
    ],
)
@pytest.mark.parametrize("host", [DOCKERS, "10.8.0.9"])
@alone
def test_name_of_a_search_domain_is_asked_of_its_tunnel_and_others_of_the_full_one(
    name: str, who: str, host: str
) -> None:
    with two_tunnels() as listeners:
        expected = SERVER if who == DOCKERS != host else who
        assert asked(listeners, name, host) == expected


@pytest.mark.parametrize(
    ("first", "other", "who"),
    [("corp.example", "www.example.com", SPLIT_SERVER), ("web", "www.example.com", DOCKERS)],
    ids=["search-domain", "container"],
)
@alone
def test_name_that_follows_another_in_one_socket_goes_to_no_server_that_must_not_have_it(
    first: str, other: str, who: str
) -> None:
    with two_tunnels() as listeners, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(query(first), (DOCKERS, 53))
        with contextlib.suppress(OSError):
            client.sendto(query(other), (DOCKERS, 53))
        client.sendto(query(first), (DOCKERS, 53))
        (listener,), _, _ = select.select(listeners, (), (), 10)
        assert listener.getsockname()[0] == who
        assert [listener.recv(512), listener.recv(512)] == [query(first)] * 2


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
@pytest.mark.parametrize("plan", [DNS, replace(DNS, closed=True), PLAN], ids=["dns", "closed", ""])
@alone
def test_docker_s_resolver_is_asked_by_its_port_53_alone(
    kind: socket.SocketKind, plan: Plan
) -> None:
    ip("link set lo up")
    with (
        socket.socket(socket.AF_INET, kind) as behind,
        socket.socket(socket.AF_INET, kind) as asker,
    ):
        behind.bind((DOCKERS, 40001))
        if kind is socket.SOCK_STREAM:
            behind.listen()
        apply_firewall(plan)
        asker.settimeout(1)
        try:
            asker.connect((DOCKERS, 40001))
            asker.send(query("www.example.com"))
            reached = True
        except OSError:
            reached = False
        assert reached == (plan == PLAN)


@alone
def test_container_that_lost_its_tunnel_asks_nobody() -> None:
    with resolvers() as listeners:
        apply_firewall(replace(DNS, closed=True))
        for name in ("web", "www.example.com"):
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
                contextlib.suppress(OSError),
            ):
                client.sendto(query(name), (DOCKERS, 53))
        assert asked(listeners, "web", OWN) == OWN
