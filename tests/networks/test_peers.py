"""A peer is found where its name says, or else where it was; the finding is kept if it can be."""

import asyncio
import re
import socket
from dataclasses import replace
from ipaddress import IPv4Address
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


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the host's resolver knows."""
    known = {"vpn.test": "192.0.2.7"}
    look_up = socket.getaddrinfo

    def getaddrinfo(name: str, *arguments: Any, **options: Any) -> Any:
        if name.endswith(".test") and name not in known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(known.get(name, name), *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def find(folder: Path) -> str:
    """Find the peer, as a plugin that has just started; return its address."""
    store = Store(folder)
    if store.networks.get("n1") is None:
        asyncio.run(store.networks.put(Network(id="n1", configuration="home")))
    peers = Peers(Resolver(), store.networks, MemoryHost())
    found = asyncio.run(peers.locate("n1", CONFIG, BOUND))
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
