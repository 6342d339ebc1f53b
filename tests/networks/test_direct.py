"""The driver's promises to Docker: each call does its work, or undoes it and says why."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ADDRESS, DOCKER_POOL, NULL_POOL, PEER, PRIVATE_KEY, Host
from tests.loops import LoopWithoutThreads
from wgplugin.conf.folder import ConfigFolder, Files
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


def test_table_off_leaves_the_routes_to_the_user(host: Host) -> None:
    host.write("home", ADDRESS + "Table = off\n", PEER + "AllowedIPs = 10.0.0.0/8\n")
    assert asyncio.run(host.attach("n1", "e1")).static_routes == ()


def test_network_and_endpoint_outlive_the_plugin(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.start()
    response = asyncio.run(host.join("n1", "e1"))
    host.start()
    asyncio.run(host.delete_endpoint("e1"))

    assert response.interface_name.src_name == device_name("e1")
    assert host.backend.devices == {}
    assert list(host.store.endpoints) == []


def test_start_deletes_the_devices_that_no_endpoint_has_and_no_others(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    kept = asyncio.run(host.attach("n1", "e1")).interface_name.src_name
    foreign = {"wg0", "wgp0", "wgprovider", "wgp0123456789abcd"}
    for name in (*foreign, device_name("e2"), device_name("e3")):
        host.backend.devices[name] = (1420, None)
    host.start()
    asyncio.run(host.upkeep.reconcile())
    assert set(host.backend.devices) == {kept, *foreign}
    assert f"deleted the device {device_name('e2')}" in caplog.text


def test_start_leaves_what_is_in_a_container(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.run("n1", "e1")
    host.wait()
    host.start()
    host.backend.containers.add(device_name("of a lost record"))
    assert asyncio.run(host.upkeep.reconcile())
    assert "deleted" not in caplog.text
    assert [endpoint.id for endpoint in host.store.endpoints] == ["e1"]


def test_start_after_a_crash_of_the_host_drops_every_endpoint(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.run("n1", "e1")
    host.reboot()
    assert asyncio.run(host.upkeep.reconcile())
    assert not list(host.store.endpoints)
    assert "dropped endpoint e1" in caplog.text


def test_start_deletes_what_came_back_from_a_container_while_the_plugin_was_away(
    host: Host,
) -> None:
    host.run("n1", "e1")
    host.wait()
    host.backend.out_of_container(device_name("e1"))
    host.start()
    assert asyncio.run(host.upkeep.reconcile())
    assert not host.backend.devices
    assert not list(host.store.endpoints)


def test_start_gives_a_container_that_is_starting_its_time(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.start()
    assert not asyncio.run(host.upkeep.reconcile())
    device = asyncio.run(host.join("n1", "e1")).interface_name.src_name
    host.start()
    assert not asyncio.run(host.upkeep.reconcile())
    assert list(host.backend.devices) == [device]

    host.wait()
    assert asyncio.run(host.upkeep.reconcile())
    assert not host.backend.devices
    assert not list(host.store.endpoints)


def test_start_with_networks_and_no_configuration_is_logged(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(host.upkeep.reconcile())
    assert not caplog.text
    (host.folder / "home.conf").unlink()
    asyncio.run(host.upkeep.reconcile())
    assert "1 networks, but the configuration folder is empty" in caplog.text
    assert "config.source=DIR" in caplog.text


@pytest.mark.parametrize("method", ["create", "configure"])
def test_failed_join_leaves_no_device(host: Host, method: str) -> None:
    host.backend.failing = {method}
    with pytest.raises(PluginError, match=rf"home\.conf: {method} fails"):
        asyncio.run(host.attach("n1", "e1"))
    assert host.backend.devices == {}


def test_failed_join_says_what_failed_first(host: Host) -> None:
    host.backend.failing = {"create", "delete"}
    with pytest.raises(PluginError, match="create fails"):
        asyncio.run(host.attach("n1", "e1"))


def cancelled(call: Coroutine[Any, Any, object]) -> None:
    """Run a call that hangs, and cancel it as at its deadline."""

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await call

    asyncio.run(run())


@pytest.mark.parametrize("method", ["create", "configure"])
def test_cancelled_join_leaves_no_device(host: Host, method: str) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.backend.hanging = {method}
    cancelled(host.join("n1", "e1"))
    assert host.backend.devices == {}


def test_join_that_comes_twice_leaves_one_device(host: Host) -> None:
    async def twice() -> tuple[protocol.JoinResponse, protocol.JoinResponse]:
        await host.create_endpoint("n1", "e1")
        return await asyncio.gather(host.join("n1", "e1"), host.join("n1", "e1"))

    first, second = asyncio.run(twice())
    assert first == second
    assert list(host.backend.devices) == [first.interface_name.src_name]


def test_deletions_succeed_when_there_is_nothing_to_delete(host: Host) -> None:
    asyncio.run(host.delete_endpoint("e9"))
    asyncio.run(host.delete_network("n9"))


def test_deleted_network_takes_its_forgotten_endpoints_along(host: Host) -> None:
    asyncio.run(host.attach("n1", "e1"))
    asyncio.run(host.delete_network("n1"))
    assert host.backend.devices == {}
    assert not [*host.store.endpoints, *host.store.networks]


def at_once(*calls: Coroutine[Any, Any, object]) -> list[bool]:
    """Run calls step by step in turn; tell of each whether it succeeded."""

    async def run() -> list[object]:
        return [*await asyncio.gather(*calls, return_exceptions=True)]

    with asyncio.Runner(loop_factory=LoopWithoutThreads) as runner:
        results = runner.run(run())
    for result in results:
        assert not isinstance(result, Exception) or isinstance(result, PluginError)
    return [not isinstance(result, Exception) for result in results]


async def later(steps: int, call: Coroutine[Any, Any, object]) -> object:
    """Begin a call that many steps of the event loop later."""
    for _ in range(steps):
        await asyncio.sleep(0)
    return await call


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("delete", ["network", "endpoint"])
def test_network_deleted_during_a_join_leaves_nothing(host: Host, delete: str, steps: int) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    deletion = host.delete_network("n1") if delete == "network" else host.delete_endpoint("e1")
    at_once(later(steps, host.join("n1", "e1")), later(8 - steps, deletion))
    assert host.backend.devices == {}
    assert not list(host.store.endpoints)


def test_network_that_is_deleted_while_its_file_is_read_gets_no_endpoint(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ConfigFolder.read

    async def read_late(self: ConfigFolder, name: str, *, again: bool) -> Files:
        await host.delete_network("n1")
        return await read(self, name, again=again)

    monkeypatch.setattr(ConfigFolder, "read", read_late)
    with pytest.raises(PluginError, match="doesn't know this network"):
        asyncio.run(host.create_endpoint("n1", "e1"))
    assert not list(host.store.endpoints)


@pytest.mark.parametrize("steps", range(8))
def test_stale_holder_that_joins_this_moment_leaves_nothing(host: Host, steps: int) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.wait()
    at_once(later(8 - steps, host.create_endpoint("n1", "e2")), later(steps, host.join("n1", "e1")))
    known = {device_name(endpoint.id) for endpoint in host.store.endpoints}
    assert set(host.backend.devices) <= known
    assert len(known) == 1


def test_stale_holder_that_is_created_anew_this_moment_is_a_holder(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.wait()
    assert at_once(host.create_endpoint("n1", "e2"), host.create_endpoint("n1", "e1")) == [
        False,
        True,
    ]
    assert [endpoint.id for endpoint in host.store.endpoints] == ["e1"]


def test_configuration_serves_one_container_at_a_time(host: Host) -> None:
    asyncio.run(host.create_network("n2", "home"))
    asyncio.run(host.attach("n1", "e1"))
    for network_id in ("n1", "n2"):
        with pytest.raises(PluginError, match="home is in use by endpoint e1 of network n1"):
            asyncio.run(host.create_endpoint(network_id, "e2"))
    asyncio.run(host.delete_endpoint("e1"))
    asyncio.run(host.attach("n2", "e2"))


def test_two_containers_that_start_at_once_do_not_share_a_configuration(host: Host) -> None:
    async def race() -> list[object]:
        starts = (host.create_endpoint("n1", endpoint_id) for endpoint_id in ("e1", "e2"))
        return [*await asyncio.gather(*starts, return_exceptions=True)]

    results = asyncio.run(race())
    assert sorted(isinstance(result, PluginError) for result in results) == [False, True]


def test_configuration_of_a_container_in_the_making_is_not_free(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    with pytest.raises(PluginError, match="in use by endpoint e1"):
        asyncio.run(host.create_endpoint("n1", "e2"))


def test_endpoint_whose_device_is_in_a_container_holds_its_configuration_for_ever(
    host: Host,
) -> None:
    host.run("n1", "e1")
    host.wait()
    host.start()
    with pytest.raises(PluginError, match="in use by endpoint e1"):
        asyncio.run(host.create_endpoint("n1", "e2"))


@pytest.mark.parametrize("device", ["nowhere", "back on the host"])
def test_endpoint_whose_device_is_in_no_container_is_no_holder(host: Host, device: str) -> None:
    host.run("n1", "e1")
    host.backend.out_of_container(device_name("e1"))
    if device == "nowhere":
        host.backend.devices.clear()
    host.wait()
    asyncio.run(host.attach("n1", "e2"))
    assert [endpoint.id for endpoint in host.store.endpoints] == ["e2"]
    assert list(host.backend.devices) == [device_name("e2")]


def test_container_that_was_removed_while_the_plugin_was_away_is_no_holder_at_once(
    host: Host,
) -> None:
    host.run("n1", "e1")
    host.backend.out_of_container(device_name("e1"))
    host.clock.advance(1)
    host.start()
    asyncio.run(host.upkeep.reconcile())
    asyncio.run(host.attach("n1", "e2"))
    assert list(host.backend.devices) == [device_name("e2")]


def test_two_containers_that_find_a_stale_holder_do_not_share_its_configuration(
    host: Host,
) -> None:
    async def race() -> list[object]:
        starts = (host.create_endpoint("n1", endpoint_id) for endpoint_id in ("e2", "e3"))
        return [*await asyncio.gather(*starts, return_exceptions=True)]

    asyncio.run(host.create_endpoint("n1", "e1"))
    host.wait()
    results = asyncio.run(race())
    assert sorted(isinstance(result, PluginError) for result in results) == [False, True]
    assert len(list(host.store.endpoints)) == 1


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
