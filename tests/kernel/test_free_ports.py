"""Ports are chosen that nobody uses, and what stands in the way is told."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.kernel.hosts import has_sctp, listening, needs_sctp, write
from tests.kernel.namespaces import alone, ip, needs_ipv6, needs_namespaces, needs_sysctl
from wgplugin.codes import Code
from wgplugin.errors import BackendError
from wgplugin.kernel import privileges
from wgplugin.kernel.free_ports import choose
from wgplugin.model.published import PortBinding, read

pytestmark = [needs_namespaces, needs_ipv6]

PORTS_OF_CLIENTS = Path("net/ipv4/ip_local_port_range")


def binding(
    first: int = 8080, last: int = 0, protocol: str = "tcp", address: str = ""
) -> PortBinding:
    at = ip_address(address) if address else None
    return PortBinding(protocol, 80, at, first, last or first)  # type: ignore[arg-type]


def chosen(*bindings: PortBinding, others: Sequence[str] = ()) -> list[str]:
    return [str(each) for each in choose(bindings, [read(other) for other in others])]


def refused(*bindings: PortBinding, others: Sequence[str] = ()) -> BackendError:
    with pytest.raises(BackendError) as error:
        chosen(*bindings, others=others)
    return error.value


@alone
def test_port_that_is_asked_for_is_chosen_and_left_free() -> None:
    ip("link set lo up")
    asked = [
        *(binding(protocol=protocol) for protocol in ("tcp", "udp")),
        binding(8081, address="127.0.0.1"),
        binding(8081, address="::1"),
        binding(8082, address="0.0.0.0"),
        binding(8082, address="::"),
        binding(80),
    ]
    expected = [
        *("8080:80/tcp", "8080:80/udp", "127.0.0.1:8081:80/tcp", "[::1]:8081:80/tcp"),
        *("0.0.0.0:8082:80/tcp", "[::]:8082:80/tcp", "80:80/tcp"),
    ]
    assert chosen(*asked) == expected
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as another:
        another.bind(("0.0.0.0", 8080))


@pytest.mark.parametrize(
    ("taken", "asked", "is_free"),
    [
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("127.0.0.1", "", False),
        ("::1", "", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.2", "127.0.0.1", True),
        ("::1", "0.0.0.0", True),
        ("127.0.0.1", "::", True),
    ],
)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@alone
def test_port_that_somebody_uses_is_told(
    protocol: str, taken: str, asked: str, is_free: bool
) -> None:
    ip("link set lo up")
    with listening(-1, taken, 8080, protocol):
        wanted = binding(protocol=protocol, address=asked)
        if is_free:
            assert chosen(wanted)
        else:
            error = refused(wanted)
            assert error.code is Code.PORT_TAKEN
            assert f"{wanted} is in use" in str(error)
            assert f"ss -l{protocol[0]}np sport = :8080" in str(error)


@alone
def test_port_of_others_or_of_another_binding_is_not_chosen() -> None:
    for others in (["8080:1/tcp"], ["0.0.0.0:8080:1/tcp"], ["[::]:8080:1/tcp"]):
        error = refused(binding(), others=others)
        assert error.code is Code.PORT_TAKEN
        assert "ss " not in str(error)
    assert chosen(binding(), others=["8080:1/udp", "8081:1/tcp"])
    assert refused(binding(), binding()).code is Code.PORT_TAKEN


@alone
def test_first_free_port_of_a_range_is_chosen() -> None:
    span = binding(8080, 8084)
    with listening(-1, "::", 8080):
        found = chosen(span, span, span, others=["8082:1/tcp"])
        assert found == ["8081:80/tcp", "8083:80/tcp", "8084:80/tcp"]
        error = refused(span, span, span, span, others=["8082:1/tcp"])
    assert "8080-8084:80/tcp is in use" in str(error)
    assert "sport = :8080" in str(error)


@needs_sysctl
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@alone
def test_any_port_is_one_of_those_for_clients_that_is_free_for_all_addresses(protocol: str) -> None:
    ip("link set lo up")
    write(PORTS_OF_CLIENTS, "40000 40007")
    wanted = binding(0, protocol=protocol)
    others = [f"{number}:1/{protocol}" for number in (40001, 40003, 40005)]
    with listening(-1, "::", 40000, protocol), listening(-1, "127.0.0.1", 40007, protocol):
        expected = {f"{number}:80/{protocol}" for number in (40002, 40004, 40006)}
        assert set(chosen(wanted, wanted, wanted, others=others)) == expected
        assert refused(*[wanted] * 4, others=others).code is Code.PORT_TAKEN


@alone
def test_address_of_another_host_is_told() -> None:
    ip("link set lo up")
    for address in ("192.0.2.77", "2001:db8::77"):
        error = refused(binding(address=address))
        assert error.code is Code.NOT_PUBLISHED
        assert f"{address} is no address of this host" in str(error)


@alone
def test_port_that_the_plugin_may_not_use_is_told() -> None:
    privileges.drop(())
    error = refused(binding(81))
    assert error.code is Code.NOT_PUBLISHED
    assert "CAP_NET_BIND_SERVICE" in str(error)


@alone
def test_ports_below_1024_can_be_tried_with_the_privileges_that_are_kept() -> None:
    privileges.drop(privileges.NEEDED_LIVE)
    assert chosen(binding(81)) == ["81:80/tcp"]


@pytest.mark.skipif(has_sctp(), reason="needs a kernel without SCTP")
@alone
def test_protocol_that_the_kernel_lacks_is_told() -> None:
    assert "has no sctp (try: modprobe sctp)" in str(refused(binding(protocol="sctp")))


@needs_sctp
@alone
def test_port_of_sctp_that_somebody_uses_is_told() -> None:
    assert chosen(binding(protocol="sctp")) == ["8080:80/sctp"]
    with listening(-1, "0.0.0.0", 8080, "sctp"):
        assert refused(binding(protocol="sctp")).code is Code.PORT_TAKEN


@alone
def test_no_file_stays_open() -> None:
    ip("link set lo up")
    files = Path("/proc/self/fd")
    before = len(list(files.iterdir()))
    chosen(binding(0), binding(8080, 8090), binding(8080, protocol="udp"))
    refused(binding(address="192.0.2.77"))
    assert len(list(files.iterdir())) == before
