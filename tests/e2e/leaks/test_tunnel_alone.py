"""A container with nothing but its tunnel: whatever goes wrong, nothing leaves by another way."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import docker, network
from tests.e2e.leaks.boundary import PROBES
from tests.e2e.leaks.faults import killed_plugin, silent_peer, unreachable_endpoint
from tests.e2e.leaks.probing import Suspect, Suspects

EVERYTHING = "0.0.0.0/0, ::/0"
LAN = "10.8.0.0/16"
IPV4, IPV6 = "10.8.20.{}/32", "fd08:20::{}/128"
IPAM = ("--subnet", "10.8.21.0/24")


def test_nothing_leaves_before_the_first_handshake(
    suspects: Suspects, configurations: Configurations
) -> None:
    name = configurations.client("early", IPV4.format(2), IPV6.format(2), allowed_ips=EVERYTHING)
    with network(name) as net, silent_peer(), suspects.on(net) as suspect:
        assert not suspect.leaks(net)
        handshakes = suspect.container.in_namespace("wg", "show", "wg0", "latest-handshakes")
        assert handshakes.split()[1:] == ["0"]


@pytest.mark.parametrize(
    ("addresses", "assigned", "allowed_ips", "ipam"),
    [
        pytest.param((IPV4.format(3),), "", "0.0.0.0/0", (), id="IPv4"),
        pytest.param((IPV6.format(3),), "", "::/0", (), id="IPv6"),
        pytest.param((IPV4.format(3), IPV6.format(3)), "", LAN, (), id="LAN"),
        pytest.param((), IPAM[1], EVERYTHING, IPAM, id="assigned by Docker"),
    ],
)
def test_nothing_leaves_whatever_the_file_carries(
    suspects: Suspects,
    configurations: Configurations,
    addresses: tuple[str, ...],
    assigned: str,
    allowed_ips: str,
    ipam: tuple[str, ...],
) -> None:
    name = configurations.client("shape", *addresses, assigned=assigned, allowed_ips=allowed_ips)
    with network(name, *ipam) as net, suspects.on(net) as suspect:
        assert not suspect.leaks(net)


@pytest.fixture(scope="module")
def full_tunnel(configurations: Configurations) -> Iterator[str]:
    name = configurations.client("full", IPV4.format(1), IPV6.format(1), allowed_ips=EVERYTHING)
    with network(name) as net:
        yield net


@pytest.fixture(scope="module")
def suspect(suspects: Suspects, full_tunnel: str) -> Iterator[Suspect]:
    with suspects.on(full_tunnel) as suspect:
        yield suspect


@pytest.mark.parametrize("fault", [silent_peer, unreachable_endpoint, killed_plugin])
def test_nothing_leaves_when_something_fails(
    suspects: Suspects,
    full_tunnel: str,
    suspect: Suspect,
    fault: Callable[[], AbstractContextManager[None]],
) -> None:
    suspect.reaches(PROBES)
    start = suspects.outside.mark()
    with fault():
        assert not suspect.leaks(full_tunnel, since=start)
    suspect.reaches(PROBES)
    assert not suspect.leaks(full_tunnel, since=start)


def test_nothing_leaves_while_the_container_restarts(
    suspects: Suspects, full_tunnel: str, suspect: Suspect
) -> None:
    start = suspects.outside.mark()
    docker("restart", "--time", "0", suspect.container.name)
    suspect.reaches(PROBES)
    assert not suspect.leaks(full_tunnel, since=start)
