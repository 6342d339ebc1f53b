"""A container gets its tunnel as the file and the options say, or an error and nothing else."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ADDRESS, DOCKER_POOL, NULL_POOL, PEER, PRIVATE_KEY, Host
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.device import SocketAddress
from wgplugin.model.identity import device_name


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    return host


def test_device_name_fits_linux_and_belongs_to_one_endpoint() -> None:
    names = {device_name(endpoint_id) for endpoint_id in ("a" * 64, "b" * 64, "a" * 63 + "b")}
    assert len(names) == 3
    assert all(len(name) == 15 and name.startswith("wgp") for name in names)


def test_device_is_what_the_file_says(host: Host) -> None:
    host.write(
        "home",
        ADDRESS + "ListenPort = 5000\nFwMark = 0x10\nMTU = 1300\n",
        PEER + "Endpoint = 192.0.2.1:51820\nAllowedIPs = 10.0.0.0/8\nPersistentKeepalive = 25\n",
    )
    response = asyncio.run(host.attach("n1", "e1"))

    mtu, config = host.backend.devices[response.interface_name.src_name]
    assert config is not None
    (peer,) = config.peers
    assert mtu == 1300
    assert config.private_key is not None
    assert config.private_key.base64() == PRIVATE_KEY
    assert (config.listen_port, config.fwmark, config.replace_peers) == (5000, 16, True)
    assert (str(peer.endpoint and peer.endpoint.host), peer.persistent_keepalive) == (
        "192.0.2.1",
        25,
    )
    assert [str(net) for net in peer.allowed_ips] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("path_mtus", "expected"),
    [
        ({}, 1420),
        ({"192.0.2.1": 1500}, 1420),
        ({"192.0.2.1": 1500, "192.0.2.2": 1400}, 1320),
        ({"192.0.2.2": 9000, "default": 1400}, 8920),
        ({"default": 1400}, 1320),
    ],
)
def test_mtu_follows_the_narrowest_way_to_a_peer(
    host: Host, path_mtus: dict[str, int], expected: int
) -> None:
    other = "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n"
    host.write("home", peers=f"{PEER}Endpoint = 192.0.2.1:1\n{other}Endpoint = 192.0.2.2:1\n")
    host.backend.path_mtus = path_mtus
    response = asyncio.run(host.attach("n1", "e1"))
    assert host.backend.devices[response.interface_name.src_name][0] == expected


@pytest.mark.parametrize(
    ("of_file", "of_network", "expected"),
    [("", "1300", 1300), ("MTU = 1350\n", "1300", 1350), ("", "", 1420)],
)
def test_mtu_of_the_network_counts_if_the_file_has_none(
    host: Host, of_file: str, of_network: str, expected: int
) -> None:
    host.write("home", ADDRESS + of_file)
    asyncio.run(host.create_network("n1", "home", mtu=of_network))
    host.start()
    response = asyncio.run(host.attach("n1", "e1"))
    assert host.backend.devices[response.interface_name.src_name][0] == expected


@pytest.mark.parametrize(("of_file", "warned"), [("1350", True), ("1300", False), ("", False)])
def test_mtu_of_the_network_that_does_not_count_is_warned_of_each_time(
    host: Host, caplog: pytest.LogCaptureFixture, of_file: str, warned: bool
) -> None:
    host.write("home", f"{ADDRESS}MTU = {of_file}\n")
    asyncio.run(host.create_network("n1", "home", mtu="1300"))
    asyncio.run(host.create_endpoint("n1", "e1"))
    message = "home.conf has MTU 1350, which counts, and not 1300 of the network's option"
    said = [line for line in caplog.messages if "WG116" in line]
    assert len(said) == 2 * warned
    assert all(line.startswith(message) for line in said)


def test_mtu_of_the_network_that_is_too_small_for_ipv6_is_warned_of(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    for address, count in ((ADDRESS, 0), ("Address = fd00::2/128\n", 1)):
        caplog.clear()
        host.write("home", address)
        asyncio.run(host.create_network("n1", "home", mtu="1279"))
        assert caplog.text.count("IPv6 doesn't work with an MTU below 1280 [WG228]") == count


def test_table_off_leaves_the_routes_to_the_user(host: Host) -> None:
    host.write("home", ADDRESS + "Table = off\n", PEER + "AllowedIPs = 10.0.0.0/8\n")
    assert asyncio.run(host.attach("n1", "e1")).static_routes == ()


@pytest.mark.parametrize(
    ("interface", "pools", "said"),
    [
        (ADDRESS, DOCKER_POOL, "--ipam-driver null"),
        ("Address = 10.0.0.1/32, 10.0.0.2/32\n", NULL_POOL, "2 IPv4 addresses"),
        ("Address = fd00::1, fd00::2\n", NULL_POOL, "2 IPv6 addresses"),
    ],
)
def test_addresses_that_cannot_be_are_refused_with_the_network(
    host: Host, interface: str, pools: tuple[protocol.IPAMData, ...], said: str
) -> None:
    host.write("other", interface)
    with pytest.raises(PluginError, match=said):
        asyncio.run(host.create_network("n2", "other", pools))
    assert host.store.networks.get("n2") is None


def test_address_that_docker_assigned_too_is_refused_with_the_container(host: Host) -> None:
    with pytest.raises(PluginError, match="--ipam-driver null"):
        asyncio.run(host.create_endpoint("n1", "e1", address="10.9.0.2/24"))
    assert list(host.store.endpoints) == []


def test_container_without_any_address_is_refused(host: Host) -> None:
    host.write("home", interface="")
    with pytest.raises(PluginError, match="driver-opt=wireguard-address=ADDRESS"):
        asyncio.run(host.create_endpoint("n1", "e1"))


def test_container_may_have_an_address_of_its_own(host: Host) -> None:
    request = protocol.CreateEndpointRequest(
        network_id="n1", endpoint_id="e1", options={"wireguard-address": "10.7.0.7/32"}
    )
    response = asyncio.run(host.driver.create_endpoint(request))
    assert response.interface.address == "10.7.0.7/32"


@pytest.mark.parametrize("sink", ["on", "off"])
def test_full_tunnel_in_one_family_is_a_sink_in_the_other(host: Host, sink: str) -> None:
    host.write("home", peers=PEER + "AllowedIPs = 0.0.0.0/0\n")
    asyncio.run(host.create_network("n1", "home", sink=sink))
    address = asyncio.run(host.create_endpoint("n1", "e1")).interface.address_ipv6
    routes = {route.destination for route in asyncio.run(host.join("n1", "e1")).static_routes}
    assert bool(address) == (sink == "on")
    assert ({"::/1", "8000::/1"} <= routes) == (sink == "on")


def test_option_of_a_container_wins_over_that_of_its_network(host: Host) -> None:
    host.write("home", peers=PEER + "AllowedIPs = 0.0.0.0/0\n")
    asyncio.run(host.create_network("n1", "home", sink="on"))
    request = protocol.CreateEndpointRequest(
        network_id="n1", endpoint_id="e1", options={"wireguard-sink": "off"}
    )
    assert asyncio.run(host.driver.create_endpoint(request)).interface.address_ipv6 == ""


def test_bypass_is_not_routed(host: Host) -> None:
    host.write("home", peers=PEER + "AllowedIPs = 10.0.0.0/8\n")
    asyncio.run(host.create_network("n1", "home", bypass="10.128.0.0/9"))
    (route,) = asyncio.run(host.attach("n1", "e1")).static_routes
    assert route.destination == "10.0.0.0/9"


def test_default_gateway_leaves_the_choice_to_docker(host: Host) -> None:
    host.write("home", peers=PEER + "AllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.0/8\n")
    asyncio.run(host.create_network("n1", "home", default="gateway"))
    response = asyncio.run(host.attach("n1", "e1"))
    assert (response.gateway, response.gateway_ipv6) == ("169.254.1.1", "")
    assert [route.destination for route in response.static_routes] == [
        "169.254.1.1/32",
        "10.0.0.0/8",
    ]


def test_bypass_and_default_gateway_do_not_go_together(host: Host) -> None:
    with pytest.raises(PluginError, match="leave out one of them"):
        asyncio.run(host.create_network("n1", "home", bypass="10.0.0.0/8", default="gateway"))


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_dns_that_the_container_does_not_ask_is_reported(
    host: Host, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    host.write("home", ADDRESS + "DNS = 10.64.0.1\n")
    asyncio.run(host.create_network("n1", "home", dns=policy))
    asyncio.run(host.create_endpoint("n1", "e1"))
    assert ("--dns 10.64.0.1" in caplog.text) == (policy == "warn")


def test_dns_that_is_required_and_not_asked_is_an_error(host: Host) -> None:
    host.write("home", ADDRESS + "DNS = 10.64.0.1\n")
    asyncio.run(host.create_network("n1", "home", dns="require"))
    with pytest.raises(PluginError, match=r"--dns 10\.64\.0\.1"):
        asyncio.run(host.create_endpoint("n1", "e1"))


def test_ignored_line_of_a_file_is_logged_when_its_network_is_created(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.write("home", ADDRESS + "PostUp = reboot\n", PEER + "AllowedIPs = ::/0\n")
    asyncio.run(host.create_network("n1", "home"))
    assert "home.conf:4:10: PostUp is ignored" in caplog.text
    assert "home.conf has ::/0 in AllowedIPs and no IPv6 Address" in caplog.text


@pytest.mark.parametrize("ports", [[], [{"Proto": 6, "Port": 80, "HostPort": 8080}]])
def test_published_ports_are_warned_of_at_each_start(
    host: Host, caplog: pytest.LogCaptureFixture, ports: list[dict[str, int]]
) -> None:
    request = protocol.CreateEndpointRequest(
        network_id="n1", endpoint_id="e1", options={"com.docker.network.portmap": ports}
    )
    for _ in range(2):
        asyncio.run(host.driver.create_endpoint(request))
        asyncio.run(host.delete_endpoint("e1"))
    assert caplog.text.count("this network doesn't publish 8080:80/tcp") == 2 * len(ports)


def test_published_ports_are_not_warned_of_where_they_are_left_to_another_network(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    ports = [{"Proto": 6, "Port": 80, "HostPort": 8080}]
    options = {"com.docker.network.portmap": ports, "wireguard-publish": "off"}
    request = protocol.CreateEndpointRequest(network_id="n1", endpoint_id="e1", options=options)
    asyncio.run(host.driver.create_endpoint(request))
    assert "8080" not in caplog.text


def test_mac_address_is_refused(host: Host) -> None:
    with pytest.raises(PluginError, match="--mac-address"):
        asyncio.run(host.create_endpoint("n1", "e1", mac_address="02:42:ac:11:00:02"))


def test_unknown_network_is_answered_with_what_to_do(host: Host) -> None:
    with pytest.raises(PluginError, match="docker network rm"):
        asyncio.run(host.create_endpoint("n9", "e1"))


def test_unknown_endpoint_is_answered_with_what_to_do(host: Host) -> None:
    with pytest.raises(PluginError, match="start the container again"):
        asyncio.run(host.join("n1", "e9"))


def test_host_name_that_does_not_resolve_is_an_error_that_names_it(host: Host) -> None:
    host.write("home", peers=PEER + "Endpoint = nowhere.invalid:51820\n")
    with pytest.raises(PluginError, match=r"nowhere\.invalid can't be resolved"):
        asyncio.run(host.attach("n1", "e1"))
    assert host.backend.devices == {}


def test_host_name_that_does_not_resolve_any_more_is_where_it_was(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    host.write("home", peers=PEER + "Endpoint = vpn.test:51820\n")
    hosts = {"vpn.test": "192.0.2.7"}
    look_up = socket.getaddrinfo

    def getaddrinfo(name: str, *arguments: Any, **options: Any) -> Any:
        return look_up(hosts.get(name, name), *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asyncio.run(host.attach("n1", "e1"))
    asyncio.run(host.delete_endpoint("e1"))
    hosts["vpn.test"] = "nowhere.invalid"
    host.reboot()
    asyncio.run(host.attach("n1", "e2"))

    _, config = host.backend.devices[device_name("e2")]
    assert config is not None
    (peer,) = config.peers
    assert peer.endpoint == SocketAddress(IPv4Address("192.0.2.7"), 51820)
    assert "vpn.test can't be resolved" in caplog.text
    assert "last known address, 192.0.2.7" in caplog.text


def test_private_key_is_nowhere_but_in_the_device(
    host: Host, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response = asyncio.run(host.attach("n1", "e1"))
    stored = [path.read_text() for path in (host.folder / "state").rglob("*.json")]
    device = host.backend.devices[response.interface_name.src_name]
    said = [*stored, *capfd.readouterr(), caplog.text, repr(response), repr(device)]
    assert not [text for text in said if PRIVATE_KEY[:20] in text]


def test_network_and_endpoint_outlive_the_plugin(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.start()
    response = asyncio.run(host.join("n1", "e1"))
    host.start()
    asyncio.run(host.delete_endpoint("e1"))

    assert response.interface_name.src_name == device_name("e1")
    assert host.backend.devices == {}
    assert list(host.store.endpoints) == []
