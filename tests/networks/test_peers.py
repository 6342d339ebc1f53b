"""A peer is found where its name says, or else where it was; the finding is kept if it can be."""

import asyncio
import re
import socket
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.memory_host import MemoryHost
from wgplugin.conf import parser
from wgplugin.model.configuration import PeerEndpoint
from wgplugin.model.device import SocketAddress
from wgplugin.networks.peers import Peers
from wgplugin.networks.resolver import Resolver
from wgplugin.state.records import Network
from wgplugin.state.store import Store

CONFIG = parser.parse(
    b"[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n[Peer]\n"
    b"PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nEndpoint = vpn.test:51820\n",
    "home.conf",
)
BOUND = 0.2
ENDPOINT = PeerEndpoint("vpn.test", "51820")


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the host's resolver knows: the addresses of each name, with spaces between them."""
    known = {"vpn.test": "192.0.2.7"}
    look_up = socket.getaddrinfo

    def getaddrinfo(name: str, *arguments: Any, **options: Any) -> Any:
        if name.endswith(".test") and name not in known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        addresses = known.get(name, name).split()
        return [each for text in addresses for each in look_up(text, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def started(folder: Path, **ways: int) -> Peers:
    """Return the peers of a plugin that has just started, on a host with these path MTUs."""
    store = Store(folder)
    if store.networks.get("n1") is None:
        asyncio.run(store.networks.put(Network(id="n1", configuration="home")))
    return Peers(Resolver(), store.networks, MemoryHost(path_mtus=ways))


def find(folder: Path, **ways: int) -> str:
    """Find the peer, as a plugin that has just started; return its address."""
    found = asyncio.run(started(folder, **ways).locate("n1", CONFIG, BOUND))
    (address,) = found.addresses.values()
    assert address == SocketAddress(address.host, 51820)
    return str(address.host)


def test_peer_that_moved_is_found_where_it_is_and_later_where_it_was_last(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    assert find(tmp_path) == "192.0.2.7"
    hosts["vpn.test"] = "192.0.2.8"
    assert find(tmp_path) == "192.0.2.8"
    hosts.clear()
    assert find(tmp_path) == "192.0.2.8"


def find_all(peers: Peers) -> list[str]:
    return [str(each.host) for each in asyncio.run(peers.find("n1", ENDPOINT, BOUND))]


def test_first_address_is_taken_if_none_is_known(tmp_path: Path, hosts: dict[str, str]) -> None:
    hosts["vpn.test"] = "192.0.2.7 192.0.2.8"
    assert find(tmp_path) == "192.0.2.7"


def test_address_that_worked_last_comes_first_as_long_as_the_name_has_it(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    hosts["vpn.test"] = "192.0.2.7 192.0.2.8 192.0.2.9"
    worked = SocketAddress(ip_address("192.0.2.8"), 51820)
    asyncio.run(started(tmp_path).remember("n1", ENDPOINT, worked))
    assert find_all(started(tmp_path)) == ["192.0.2.8", "192.0.2.7", "192.0.2.9"]
    assert find(tmp_path) == "192.0.2.8"
    hosts["vpn.test"] = "192.0.2.9 192.0.2.7"
    assert find(tmp_path) == "192.0.2.9"


def test_search_remembers_the_newest_address_if_the_last_one_is_gone(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    find(tmp_path)
    hosts["vpn.test"] = "192.0.2.8 192.0.2.9"
    find_all(started(tmp_path))
    hosts.clear()
    assert find(tmp_path) == "192.0.2.8"


def test_addresses_that_are_remembered_at_once_are_all_kept(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    peers = started(tmp_path)
    names = [f"{n}.test" for n in range(5)]
    hosts.update((name, f"192.0.2.{10 + n}") for n, name in enumerate(names))

    async def all_at_once() -> None:
        endpoints = [PeerEndpoint(name, "51820") for name in names]
        await asyncio.gather(*(peers.find("n1", endpoint, BOUND) for endpoint in endpoints))

    asyncio.run(all_at_once())
    record = Store(tmp_path).networks.get("n1")
    assert record
    assert record.addresses == {name: hosts[name] for name in names}


def located(folder: Path, *hosts: str) -> dict[str, str]:
    """Find the peers of a configuration; return what is remembered of them then."""
    peer = CONFIG.peers[0]
    peers = tuple(replace(peer, endpoint=PeerEndpoint(host, "51820")) for host in hosts)
    found = started(folder).locate("n1", replace(CONFIG, peers=peers), BOUND)
    assert not asyncio.run(found).errors
    record = Store(folder).networks.get("n1")
    assert record
    return record.addresses


def test_only_addresses_of_names_in_the_file_are_remembered(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    hosts |= {"other.test": "192.0.2.8", "here.test": "fe80::1%lo"}
    expected = {"other.test": "192.0.2.8", "vpn.test": "192.0.2.7"}
    assert located(tmp_path, "vpn.test", "other.test", "here.test", "2001:DB8::1") == expected
    assert located(tmp_path, "vpn.test") == {"vpn.test": "192.0.2.7"}


def test_record_is_written_only_if_an_address_is_another(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    find(tmp_path)
    written = (tmp_path / "networks" / "n1.json").stat().st_mtime_ns
    find_all(started(tmp_path))
    find(tmp_path)
    assert (tmp_path / "networks" / "n1.json").stat().st_mtime_ns == written


def test_address_without_a_route_is_left_out_if_there_is_another_one(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    hosts["vpn.test"] = "2001:db8::7 192.0.2.7"
    assert find(tmp_path) == "2001:db8::7"
    assert find(tmp_path, **{"192.0.2.7": 1500}) == "192.0.2.7"
    assert find_all(started(tmp_path)) == ["192.0.2.7", "2001:db8::7"]


def test_peer_that_was_never_found_is_an_error(tmp_path: Path, hosts: dict[str, str]) -> None:
    hosts.clear()
    peers = Peers(Resolver(), Store(tmp_path).networks, MemoryHost())
    found = asyncio.run(peers.locate("n1", CONFIG, BOUND))
    assert found.addresses == {}
    (error,) = found.errors
    assert re.search(r"vpn\.test can't be resolved.*waited 0\.2 s", error.message)


def test_peer_is_found_though_it_cannot_be_remembered(
    tmp_path: Path, hosts: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    find(tmp_path)
    hosts["vpn.test"] = "192.0.2.8"
    (tmp_path / "networks" / "n1.new").mkdir()
    assert find(tmp_path) == "192.0.2.8"
    assert "can't be remembered" in caplog.text


def test_network_that_is_gone_is_not_remembered_again(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    store = Store(tmp_path)
    peers = Peers(Resolver(), store.networks, MemoryHost())
    found = asyncio.run(peers.locate("n1", CONFIG, BOUND))
    (address,) = found.addresses.values()
    assert address.host == IPv4Address("192.0.2.7")
    assert not list(store.networks)


def test_peer_whose_last_address_does_not_help_either_is_an_error(
    tmp_path: Path, hosts: dict[str, str]
) -> None:
    hosts.clear()
    store = Store(tmp_path)
    known = Network(id="n1", configuration="home", addresses={"vpn.test": "192.0.2.7"})
    asyncio.run(store.networks.put(known))
    peers = Peers(Resolver(), store.networks, MemoryHost())
    peer = replace(CONFIG.peers[0], endpoint=PeerEndpoint("vpn.test", "nosuchservice"))
    config = replace(CONFIG, peers=(peer,))
    found = asyncio.run(peers.locate("n1", config, BOUND))
    assert found.addresses == {}
    assert len(found.errors) == 1


def test_last_known_address_of_ipv6_does_not_help_a_host_without_ipv6(
    tmp_path: Path, hosts: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    hosts.clear()
    store = Store(tmp_path)
    known = Network(id="n1", configuration="home", addresses={"vpn.test": "2001:db8::7"})
    asyncio.run(store.networks.put(known))
    families = frozenset({4})
    peers = Peers(Resolver(families=families), store.networks, MemoryHost(families=families))
    found = asyncio.run(peers.locate("n1", CONFIG, BOUND))
    (error,) = found.errors
    assert "vpn.test can't be resolved" in error.message
    assert "last known address" not in caplog.text
