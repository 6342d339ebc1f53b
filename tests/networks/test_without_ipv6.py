"""A host without IPv6: both editions serve what they can of a file, and name what they can't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosts import ADDRESS, IPV4, KEY, PEER, Host, LiveHost, soon
from tests.loops import VIRTUAL_TIME
from tests.memory_containers import Namespace, version
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name

BOTH_ADDRESSES = "Address = 10.8.0.2/32, fd08::2/128\n"
EVERYTHING = "AllowedIPs = 0.0.0.0/0, ::/0\n"
IPV6_ENDPOINT = "Endpoint = [2001:db8::5]:51820\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, families=IPV4)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveHost]:
    live = LiveHost(tmp_path, IPV4)
    live.edit("0.0.0.0/0, ::/0")
    async with live.kept():
        yield live


@pytest.mark.parametrize(
    ("interface", "allowed_ips", "warned"),
    [
        (ADDRESS, "AllowedIPs = 0.0.0.0/0\n", False),
        (BOTH_ADDRESSES, EVERYTHING, True),
        ("Address = 10.8.0.2/32, fd08::2/128, fd08::3/128\n", EVERYTHING, True),
    ],
)
def test_ipv4_half_of_a_file_works_unedited(
    host: Host, caplog: pytest.LogCaptureFixture, interface: str, allowed_ips: str, warned: bool
) -> None:
    host.write("home", interface, PEER + allowed_ips)
    asyncio.run(host.create_network("n1", "home"))
    response = asyncio.run(host.create_endpoint("n1", "e1"))
    joined = asyncio.run(host.join("n1", "e1"))
    assert (response.interface.address, response.interface.address_ipv6) == ("10.8.0.2/32", "")
    assert [route.destination for route in joined.static_routes] == [
        "169.254.1.1/32",
        "0.0.0.0/1",
        "128.0.0.0/1",
    ]
    assert caplog.text.count("[WG412]") == 2 * warned
    assert "WG113" not in caplog.text


@pytest.mark.parametrize(
    ("interface", "peer", "said"),
    [
        ("Address = fd08::2/128\n", "", "home.conf has only IPv6 addresses"),
        (ADDRESS, IPV6_ENDPOINT, "the endpoint 2001:db8::5 has no IPv4 address"),
    ],
)
def test_file_that_needs_ipv6_is_refused_with_its_network_and_with_its_container(
    host: Host, interface: str, peer: str, said: str
) -> None:
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    host.write("home", interface, PEER + peer)
    with pytest.raises(PluginError, match=said):
        asyncio.run(host.create_network("n2", "home"))
    with pytest.raises(PluginError, match=said):
        asyncio.run(host.create_endpoint("n1", "e1"))
    assert [network.id for network in host.store.networks] == ["n1"]
    assert list(host.store.endpoints) == []


def test_network_with_an_ipv6_subnet_is_refused(host: Host) -> None:
    host.write("home")
    request = protocol.CreateNetworkRequest(
        network_id="n1",
        options={protocol.GENERIC_OPTIONS: {"wireguard-config": "home"}},
        ipv6_data=(protocol.IPAMData(address_space="LocalDefault", pool="fd09::/64"),),
    )
    with pytest.raises(PluginError, match="without --ipv6"):
        asyncio.run(host.driver.create_network(request))


def test_ipv6_address_of_a_container_is_left_out_with_a_warning(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    request = protocol.CreateEndpointRequest(
        network_id="n1",
        endpoint_id="e1",
        options={"wireguard-address": "10.8.0.7/32,fd08::7/128"},
    )
    interface = asyncio.run(host.driver.create_endpoint(request)).interface
    assert (interface.address, interface.address_ipv6) == ("10.8.0.7/32", "")
    assert "left out: wireguard-address fd08::7/128 [WG412]" in caplog.text


def test_dns_of_ipv6_alone_is_refused_where_the_dns_is_required(host: Host) -> None:
    host.write("home", ADDRESS + "DNS = fd08::1\n")
    asyncio.run(host.create_network("n1", "home", dns="require"))
    with pytest.raises(PluginError, match="add an IPv4 server to DNS"):
        asyncio.run(host.create_endpoint("n1", "e1"))


@pytest.mark.anyio
async def test_live_edition_sets_up_ipv4_alone(live: LiveHost) -> None:
    live.edit("0.0.0.0/0, ::/0", "Address = fd08::2/128\nDNS = 10.64.0.1, fd64::1")
    tunnel = await live.start_container(bypass="192.168.0.0/16,fc00::/7")
    assert live.routes() == {"0.0.0.0/0"}
    assert live.routes("throw") == {"192.168.0.0/16"}
    assert {version(item) for item in live.items} == {4}
    (plan,) = live.inside.firewalls.values()
    assert [str(address) for address in plan.addresses] == ["10.8.0.2/32"]
    assert not tunnel.status().error


@pytest.mark.anyio
async def test_live_edition_leaves_out_the_ipv6_of_an_edit_with_a_warning(
    live: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    live.edit("10.0.0.0/8")
    await live.start_container()
    caplog.clear()
    live.edit("0.0.0.0/0, fd00::/8", "Address = fd08::2/128")
    await soon()
    assert live.routes() == {"0.0.0.0/0"}
    assert {version(item) for item in live.items} == {4}
    assert "left out: Address fd08::2/128; AllowedIPs fd00::/8 [WG412]" in caplog.text


@pytest.mark.anyio
async def test_live_edition_warns_once_of_what_a_container_starts_without(
    live: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    live.edit("0.0.0.0/0, ::/0", "Address = fd08::2/128")
    live.containers.namespaces[KEY] = Namespace()
    await live.create()
    caplog.clear()
    await live.enter()
    live.move()
    await live.oper_info()
    assert "[WG412]" not in caplog.text


@pytest.mark.anyio
async def test_live_edition_refuses_an_edit_that_needs_ipv6_and_stays_as_it_was(
    live: LiveHost,
) -> None:
    tunnel = await live.start_container()
    before = live.items
    live.edit(endpoint="[2001:db8::5]:51820")
    await soon()
    assert live.items == before
    assert "refused: net.conf: the endpoint 2001:db8::5 has no IPv4" in tunnel.status().error


@pytest.mark.anyio
async def test_live_edition_blocks_the_exits_before_the_device_arrives(live: LiveHost) -> None:
    await live.create()
    live.containers.namespaces[KEY] = Namespace()
    response = await live.enter()
    assert response.static_routes == ()
    assert live.routes("unreachable") == {"0.0.0.0/0"}
    assert device_name("e1") in live.backend.devices
