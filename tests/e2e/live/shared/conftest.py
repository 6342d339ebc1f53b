"""Shared networks for the tests, and what their containers reach of each other."""

from contextlib import AbstractContextManager

import pytest

from tests.e2e.commands import run, succeeds
from tests.e2e.docker import IMAGE, LIVE, Container, network
from tests.e2e.modes import SHARED, Mode
from tests.e2e.provider import NAMESPACE

# The base edition has no shared networks, and needs no fixtures.
collect_ignore_glob = [] if LIVE else ["*test_*.py"]

EVERYTHING = "0.0.0.0/0, ::/0"


@pytest.fixture
def mode() -> Mode:
    """The mode of the networks in tests that hold in each mode."""
    return SHARED


def shared(configuration: str, *options: str) -> AbstractContextManager[str]:
    """A shared network on a configuration, for as long as the block lasts."""
    return network(configuration, *SHARED.options, *options)


def subnets(*prefixes: str) -> tuple[str, ...]:
    """Return the options of a network with these subnets."""
    ipam = [option for prefix in prefixes for option in ("--subnet", prefix)]
    return (*(("--ipv6",) if any(":" in prefix for prefix in prefixes) else ()), *ipam)


def endpoint(box: Container, net: str) -> dict[str, str]:
    """Return what Docker knows of a container on a network."""
    found: dict[str, str] = box.inspect()["NetworkSettings"]["Networks"][net]
    return found


def reaches(box: Container, host: str) -> bool:
    """Tell whether an address or name answers a container's ping within two seconds."""
    ping = ("/busybox", "ping", "-c", "1", "-W", "2", host)
    return succeeds("docker", "exec", box.name, *ping)


def at_the_peer(*command: str) -> str:
    """Run a program of the host at the tunnel's other end."""
    return run("ip", "netns", "exec", NAMESPACE, *command)


def start_on(net: str) -> tuple[str, ...]:
    """Return the command that runs a container on a network, to its end."""
    return ("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", "true")
