"""Docker's resolver answers to whoever asks from inside a container's network namespace.

A hub's resolver asks it there for containers' names; see wgplugin/networks/name_resolver.py.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest

from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker
from tests.e2e.lasting import configurations
from tests.e2e.live.shared.conftest import EVERYTHING, endpoint, shared, subnets
from tests.e2e.provider import TUNNEL_IPV4

__all__ = ["configurations"]

IPV4, IPV6 = ip_network("172.28.104.0/24"), ip_network("fd77:104::/64")
BESIDE = ip_network("172.28.105.0/24")

# Prints the RCODE, the number of addresses, and the last one. Docker 20.10 leaves queries that it
# forwards in vain without an answer.
ASK = """
import json, socket, sys
name, kind = sys.argv[1].encode(), int(sys.argv[2])
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(5)
asking.connect(("127.0.0.11", 53))
question = bytes([len(name)]) + name + b"\\0" + bytes([0, kind, 0, 1])
asking.send(b"id\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question)
try:
    answer = asking.recv(512)
except TimeoutError:
    answer = bytes(12)
print(json.dumps([answer[3] & 15, answer[7], answer[-4 if kind == 1 else -16:].hex()]))
"""
A, AAAA = 1, 28


@dataclass
class Both:
    """A container with an alias on a shared network, and one that is on another network, too."""

    net: str
    web: Container
    box: Container


@pytest.fixture(
    scope="module", params=["", f"DNS = {TUNNEL_IPV4}"], ids=["without-dns", "with-dns"]
)
def both(request: pytest.FixtureRequest, configurations: Configurations) -> Iterator[Both]:
    name = "resolver"
    addresses = ("10.8.104.1", "fd08:104::1")
    configurations.client(name, *addresses, allowed_ips=EVERYTHING, interface=request.param)
    docker("network", "create", "--subnet", str(BESIDE), "beside")
    try:
        with (
            shared(name, *subnets(str(IPV4), str(IPV6))) as net,
            container(net, "--network-alias", "pages") as web,
            container(net) as box,
            container("beside", "--network-alias", "neighbour"),
        ):
            docker("network", "connect", "beside", box.name)
            yield Both(net, web, box)
    finally:
        docker("network", "rm", "beside")


def asked(box: Container, name: str, kind: int = A) -> str:
    """Return an address, or the RCODE and the number of addresses if there is none."""
    answer = box.in_namespace(sys.executable, "-c", ASK, name, str(kind))
    rcode, number, address = json.loads(answer)
    return str(ip_address(bytes.fromhex(address))) if number else f"{rcode} {number}"


@pytest.mark.parametrize("change", [str, str.upper], ids=["as-it-is", "upper-case"])
def test_it_knows_names_and_aliases_of_the_network_in_any_case(
    both: Both, change: type[str]
) -> None:
    found = endpoint(both.web, both.net)
    for asking in (both.box, both.web):
        for name in (both.web.name, "pages"):
            assert asked(asking, change(name)) == found["IPAddress"]
            assert asked(asking, change(name), AAAA) == found["GlobalIPv6Address"]


def test_it_knows_names_of_the_container_s_other_networks_by_other_addresses(both: Both) -> None:
    assert ip_address(asked(both.box, "neighbour")) in BESIDE
    assert asked(both.box, "neighbour", AAAA) == "0 0"


def test_it_knows_no_names_of_networks_that_the_container_is_not_on(both: Both) -> None:
    assert asked(both.web, "neighbour").endswith(" 0")
