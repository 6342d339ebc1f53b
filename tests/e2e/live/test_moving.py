"""Peers that move, and those that can't be found at first, are found by their names."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, network
from tests.e2e.live.conftest import tunnel, wait_for
from tests.e2e.live.test_reload import stream, streaming
from tests.e2e.provider import ENDPOINT, NAMESPACE, PORT, WEB_IPV4

__all__ = ["stream"]

NAME = "moving.example.test"
HERE = ENDPOINT.partition(":")[0]
ELSEWHERE = "198.51.100.3"
"""An address beside HERE, nobody's but in `elsewhere`; resolvers put neither before the other."""


class Hosts:
    """The host's /etc/hosts, where a name gets its address."""

    def __init__(self) -> None:
        self._path = Path("/etc/hosts")
        self.before = self._path.read_text()

    def put(self, *addresses: str) -> None:
        """Let the name have these addresses; the file stays the same one, as the plugin sees it."""
        lines = "".join(f"{address} {NAME}\n" for address in addresses)
        self.write(f"{self.before}\n{lines}")

    def write(self, text: str) -> None:
        with self._path.open("r+") as file:
            file.write(text)
            file.truncate()


@pytest.fixture
def hosts(live_edition: None) -> Iterator[Hosts]:
    if "LAB_SOURCE" not in os.environ:
        pytest.skip("the host's /etc/hosts is changed in the lab alone")
    hosts = Hosts()
    yield hosts
    hosts.write(hosts.before)


@pytest.fixture
def elsewhere(provider: object) -> Iterator[str]:
    """An address to which the provider moves; the first one is taken away from it."""
    # Else the kernel takes away, with the first address of a subnet, the others.
    promote = "net.ipv4.conf.eth0.promote_secondaries=1"
    run("ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", promote)
    in_namespace = ("ip", "-n", NAMESPACE, "address")
    run(*in_namespace, "add", f"{ELSEWHERE}/24", "dev", "eth0")
    yield ELSEWHERE
    run(*in_namespace, "replace", f"{HERE}/24", "dev", "eth0")
    run(*in_namespace, "del", f"{ELSEWHERE}/24", "dev", "eth0")


def by_name(configurations: Configurations, name: str, address: str) -> str:
    configurations.client(name, f"{address}/32", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text().replace(ENDPOINT, f"{NAME}:{PORT}"))
    return name


def expect_followed(name: str, hosts: Hosts, elsewhere: str) -> None:
    """Move the provider, and check that a configuration's tunnel follows it by its name."""
    run("ip", "-n", NAMESPACE, "address", "del", f"{HERE}/24", "dev", "eth0")
    hosts.put(elsewhere)
    wait_for(
        name,
        lambda status: status["peers"][0]["endpoint"] == f"{elsewhere}:{PORT}",
        "the new endpoint",
    )


def test_peer_that_moves_is_followed_and_the_stream_goes_on(
    configurations: Configurations, settings: Path, hosts: Hosts, elsewhere: str, stream: None
) -> None:
    hosts.put(HERE)
    name = by_name(configurations, "moving", "10.8.80.1")
    with network(name) as net, streaming(net) as (_, numbers):
        numbers.goes_on()
        assert tunnel(name)["peers"][0]["endpoint"] == ENDPOINT
        expect_followed(name, hosts, elsewhere)
        numbers.goes_on()


def test_peer_that_is_not_found_at_the_start_comes_later(
    configurations: Configurations, settings: Path, hosts: Hosts
) -> None:
    name = by_name(configurations, "later", "10.8.81.1")
    with network(name) as net, container(net) as box:
        assert tunnel(name)["health"] == "never"
        assert tunnel(name)["peers"][0]["endpoint"] is None
        hosts.put(HERE)
        wait_until(lambda: bool(tunnel(name)["peers"][0]["endpoint"]), "the peer")
        assert box.fetch(WEB_IPV4) == "10.8.81.1"
        wait_for(name, lambda status: status["health"] == "up", "the handshake")
