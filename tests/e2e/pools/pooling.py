"""Pools, and what containers have of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tests.e2e.commands import CommandError
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, Container, network

EVERYTHING = "0.0.0.0/0, ::/0"
_NUMBERS = count(1)


def unused_addresses() -> tuple[str, str]:
    """Return an IPv4 and an IPv6 address inside of tunnels that no other test has."""
    number = next(_NUMBERS)
    return f"10.8.210.{number}", f"fd08:210::{number}"


def clients(configurations: Configurations, *names: str, interface: str = "") -> tuple[str, ...]:
    """Write configurations, each with a key of its own, and return their IPv4 addresses.

    The provider takes packets from an address by one key alone: who is seen with the address, has
    the key.
    """
    addresses = []
    for name in names:
        address, _ = unused_addresses()
        configurations.client(name, f"{address}/32", allowed_ips="0.0.0.0/0", interface=interface)
        addresses.append(address)
    return tuple(addresses)


def silent(configurations: Configurations, name: str) -> str:
    """Write a configuration that the provider doesn't answer, and return its IPv4 address."""
    (address,) = clients(configurations, name)
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text().replace(":51820", ":9"))
    return address


@contextmanager
def pool_network(pool: str, *options: str, name: str = "net-of-a-pool") -> Iterator[str]:
    """A network with a pool, and with options without their ``wireguard-``."""
    opt = [word for option in options for word in ("--opt", f"wireguard-{option}")]
    with network(pool, "--ipam-driver", "null", *opt, name=name) as net:
        yield net


def start_on(net: str, *command: str) -> tuple[str, ...]:
    """Return the command that runs a container on a network, to its end."""
    return ("docker", "run", "--rm", "--network", net, IMAGE, "/busybox", *(command or ("true",)))


def endpoint_id(box: Container, net: str) -> str:
    """Return the id of a container's endpoint on a network."""
    return str(box.inspect()["NetworkSettings"]["Networks"][net]["EndpointID"])


def is_seen_as(box: Container, address: str, host: str) -> bool:
    """Return whether a web server sees a container with an address, and answers in a second."""
    try:
        page = ("wget", "-q", "-O", "-", f"http://{host}/")
        return box.run("timeout", "1", *page) == address
    except CommandError:
        return False
