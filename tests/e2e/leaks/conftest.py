"""Captures of all frames, a way out for what leaks, and networks that many tests share."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.e2e.docker import docker
from tests.e2e.docker_release import at_hand
from tests.e2e.lasting import configurations
from tests.e2e.leaks.boundary import BYPASSED, PROBES, is_wireguard, networks
from tests.e2e.leaks.capture import Capture, Frame
from tests.e2e.leaks.probing import Bridge, Suspects
from tests.e2e.provider import NAMESPACE, Provider

__all__ = ["configurations"]

NULL_IPAM = ("--ipam-driver", "null")
UPLINK = "e2e-uplink"
# On the uplink, where nothing answers.
LAN_RESOLVER = "198.18.0.53"
LOOPBACK_RESOLVER = "127.0.0.1"


@pytest.fixture(scope="session")
def uplink() -> Iterator[str]:
    """Where the host sends what the container should have kept."""
    run("ip", "link", "add", UPLINK, "type", "dummy")
    try:
        run("ip", "link", "set", UPLINK, "up")
        run("ip", "address", "add", "198.18.0.1/24", "dev", UPLINK)
        run("ip", "address", "add", "2001:db8:18::1/64", "dev", UPLINK, "nodad")
        for address in (*PROBES, BYPASSED):
            run("ip", "route", "add", str(address), "dev", UPLINK)
        yield UPLINK
    finally:
        run("ip", "link", "del", UPLINK)


@pytest.fixture(scope="session")
def suspects(image: str, provider: Provider, uplink: str) -> Iterator[Suspects]:
    # Closed ports are answered at once, however often: what waits for an answer ends quickly.
    run("ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", "net.ipv4.icmp_ratelimit=0")
    with Capture(is_ignored=is_wireguard) as outside, Capture(NAMESPACE, is_encrypted) as behind:
        yield Suspects(outside, behind)


def is_encrypted(frame: Frame) -> bool:
    """Tell whether a frame in the provider's namespace is on its way to or from the host."""
    return frame.interface == "eth0"


@pytest.fixture(scope="module", autouse=True)
def forgotten_captures(suspects: Suspects) -> Iterator[None]:
    yield
    suspects.outside.forget()
    suspects.behind.forget()


@pytest.fixture(scope="session")
def release() -> tuple[int, ...]:
    """Docker's release, such as (28, 5)."""
    return at_hand()


@pytest.fixture(scope="session")
def bridges() -> Iterator[dict[str, Bridge]]:
    """Networks whose names sort before and after a tunnel's, with IPv4 and with both families.

    Their subnets are where no release of Docker has to refuse them beside a full tunnel; but those
    of the network ``a-bridge-high`` are as Docker chooses them.
    """
    subnets = {
        "a-bridge-ipv4": ("100.64.101.0/24",),
        "z-bridge-ipv4": ("100.64.102.0/24",),
        "a-bridge-dual": ("100.64.103.0/24", "2001:db8:64:3::/64"),
        "z-bridge-dual": ("100.64.104.0/24", "2001:db8:64:4::/64"),
        "a-bridge-high": ("172.29.0.0/24", "fd65::/64"),
    }
    with ExitStack() as stack:
        made = (stack.enter_context(bridge_network(name, *subnets[name])) for name in subnets)
        yield {bridge.name: bridge for bridge in made}


@contextmanager
def bridge_network(name: str, *subnets: str, options: tuple[str, ...] = ()) -> Iterator[Bridge]:
    """An ordinary network, for as long as the block lasts."""
    ipam = [option for subnet in subnets for option in ("--subnet", subnet)]
    docker("network", "create", *(("--ipv6",) if len(subnets) > 1 else ()), *options, *ipam, name)
    try:
        yield Bridge(name, networks(*subnets))
    finally:
        docker("network", "rm", name)


@contextmanager
def host_resolver(server: str) -> Iterator[None]:
    """The server that the host asks, where the host is the lab's."""
    if "LAB_SOURCE" not in os.environ:
        pytest.skip("the host's /etc/resolv.conf is changed in the lab alone")
    file = Path("/etc/resolv.conf")
    before = file.read_text()
    file.write_text(f"nameserver {server}\n")
    try:
        yield
    finally:
        file.write_text(before)
