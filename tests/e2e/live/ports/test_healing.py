"""What somebody does to the host's firewall, to links or to connections is put right at once."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from subprocess import run as run_process

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container
from tests.e2e.live.ports.clients import CLIENT, HOST, HOST_IPV6, Conversation, answers, ask
from tests.e2e.live.ports.serving import (
    LINKS,
    TABLES,
    Tunnel,
    flush_connections,
    remains,
    serving,
    tunnel_network,
)
from tests.e2e.modes import OWN, SHARED
from tests.e2e.provider import WEB_IPV4

MODES = {8480: OWN, 8481: SHARED}
SAVED = ("iptables", "ip6tables")
KERNEL_S = re.compile(r"proto kernel|fe80|ff00")
NUMBERS = re.compile(r"^\d+: |@\S+|\[\d+:\d+\]|link-netnsid \d+|metric \d+")


@dataclass(frozen=True)
class Served:
    """A container with a published port, and a client that goes on with its conversation."""

    port: int
    tunnel: Tunnel
    box: Container
    client: Conversation

    def is_well(self) -> bool:
        """Tell whether clients of both families are answered."""
        return all(answers(host, self.port, abroad=True) for host in (HOST, HOST_IPV6))

    def is_told_to_be_closed(self) -> bool:
        """Tell whether the status says that not all clients outside are answered."""
        return "[WG414]" in self.tunnel.error()

    def is_told_to_be_well(self) -> bool:
        """Tell whether the status knows of nothing wrong."""
        return not self.tunnel.error()

    def goes_on(self) -> None:
        """See that everybody is answered, and that the container is in its tunnel."""
        assert self.client.ask() == CLIENT
        assert ask("127.0.0.1", self.port)
        assert ask(HOST, self.port, "udp", abroad=True) == CLIENT
        assert self.box.fetch(WEB_IPV4) == self.tunnel.address


@pytest.fixture(scope="module")
def served(configurations: Configurations) -> Iterator[list[Served]]:
    """A container of each mode."""
    with ExitStack() as stack:
        served = []
        for port, mode in MODES.items():
            network = tunnel_network(mode, configurations, f"healed-{port}", port - 8300)
            tunnel = stack.enter_context(network)
            ports = (f"{port}:80", f"{port}:80/udp")
            box = stack.enter_context(serving(tunnel.net, publish=ports))
            client = stack.enter_context(closing(Conversation(HOST, port, abroad=True)))
            served.append(Served(port, tunnel, box, client))
        yield served


def present() -> set[str]:
    """Return what the host has of published ports, without what the kernel has of its own.

    Links that are made anew have other numbers.
    """
    found = remains()
    tables = (line.split() for line in found if TABLES in line)
    nftables = {run("nft", "--stateless", "list", *table) for table in tables}
    for kind in ("link", "address"):
        found += run("ip", "-oneline", kind).splitlines()
    own = (line for line in found if LINKS in line and not KERNEL_S.search(line))
    return nftables | {NUMBERS.sub("", line) for line in own}


@contextmanager
def docker_s_firewall() -> Iterator[None]:
    """Docker's own rules are put back when the block ends."""
    saved = {each: run(f"{each}-save") for each in SAVED}
    try:
        yield
    finally:
        for each, text in saved.items():
            # Without what is the plugin's, which looks after it itself.
            others = "".join(f"{line}\n" for line in text.splitlines() if LINKS not in line)
            run_process([f"{each}-restore"], input=others, text=True, check=True)


EACH_LINK = f"for link in $(ip -o link | grep -o '{LINKS}[0-9a-f]*'); do"
EACH_TABLE = f"for table in $(nft list tables inet | grep -o '{TABLES}.*'); do"


@pytest.mark.parametrize(
    "command",
    [
        f"{EACH_TABLE} nft delete table inet $table; done",
        f"{EACH_TABLE} nft flush chain inet $table answers; done",
        f"{EACH_LINK} ip route flush dev $link; ip -6 route flush dev $link; done",
        f"{EACH_LINK} ip address flush dev $link; done",
        f"{EACH_LINK} ip link set $link down; done",
        f"{EACH_LINK} ip link set $link arp on; ip link set $link group default; done",
        f"{EACH_LINK} ip link del $link; done",
    ],
)
def test_host_is_put_right(served: list[Served], command: str) -> None:
    before = present()
    run("sh", "-c", command)
    wait_until(lambda: present() == before, "what was there before")
    for each in served:
        wait_until(each.is_well, "the port")
        each.goes_on()


@pytest.mark.parametrize(
    "command",
    [
        "nft flush ruleset",
        # Docker has it for IPv6 only from 27 on.
        "iptables -F DOCKER-USER; ! ip6tables -n -L DOCKER-USER || ip6tables -F DOCKER-USER",
        "iptables -t nat -F; ip6tables -t nat -F",
    ],
)
def test_flush_of_the_host_s_firewall_stops_no_port(served: list[Served], command: str) -> None:
    with docker_s_firewall():
        run("sh", "-c", command)
        for each in served:
            wait_until(each.is_well, "the port")
            each.goes_on()


def test_status_says_what_opens_the_host_s_firewall_after_all_of_iptables_is_flushed(
    served: list[Served],
) -> None:
    with docker_s_firewall():
        run("sh", "-c", "iptables -F; ip6tables -F")
        for each in served:
            wait_until(each.is_told_to_be_closed, "the error")
            assert not answers(HOST, each.port, abroad=True)
        for advice in re.findall(r"\(try: (.*?)\)", served[0].tunnel.error()):
            run("sh", "-c", advice)
        for each in served:
            wait_until(each.is_well, "the port")
            wait_until(each.is_told_to_be_well, "the end of the error")
    for each in served:
        wait_until(each.is_well, "the port")


@pytest.mark.parametrize(
    "command",
    [
        "nft flush ruleset",
        "ip route flush table 51821; ip -6 route flush table 51821",
        "ip rule del priority 5179; ip -6 rule del priority 5179",
        "ip address flush dev wgpub0",
        "ip link set wgpub0 down",
        "ip link del wgpub0",
    ],
)
def test_namespace_of_the_container_or_router_is_put_right(
    served: list[Served], command: str
) -> None:
    for each in served:
        each.tunnel.inside(each.box, "sh", "-c", command)
    for each in served:
        wait_until(each.is_well, "the port")
        each.goes_on()


def test_connection_that_all_have_forgotten_goes_on_with_the_client_s_next_words(
    served: list[Served],
) -> None:
    for each in served:
        assert each.client.ask() == CLIENT
        flush_connections(each.tunnel, each.box)
        each.goes_on()
