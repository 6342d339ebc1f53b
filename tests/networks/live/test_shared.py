"""A container joins a shared network by a veth to its router, or is refused and leaves nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import DEVICE, IPV4, KEY, NULL_POOL, PEER, PRIVATE_KEY, LiveHost
from wgplugin.clock import Moment
from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.attachment import MTU_OPTION
from wgplugin.model.identity import device_name
from wgplugin.networks.insides import NoInsides
from wgplugin.state.records import Endpoint

pytestmark = pytest.mark.anyio

POOL = protocol.IPAMData(
    address_space="LocalDefault", pool="172.20.0.0/16", gateway="172.20.0.1/16"
)
POOL_6 = protocol.IPAMData(address_space="LocalDefault", pool="fd20::/64", gateway="fd20::1/64")
ADDRESS = "172.20.0.2/16"


async def create_network(
    host: LiveHost,
    *pools: protocol.IPAMData,
    internal: bool = False,
    network_id: str = "n1",
    **options: str,
) -> None:
    """Create a shared network with the configuration of the file "net"."""
    given = {f"wireguard-{name}": text for name, text in {"mode": "shared", **options}.items()}
    request = protocol.CreateNetworkRequest(
        network_id=network_id,
        options={
            protocol.GENERIC_OPTIONS: {"wireguard-config": "net", **given},
            protocol.INTERNAL: internal,
        },
        ipv4_data=pools or (POOL,),
    )
    await host.driver.create_network(request)


async def attach(
    host: LiveHost,
    endpoint_id: str = "e1",
    address: str = ADDRESS,
    options: dict[str, Any] | None = None,
    network_id: str = "n1",
    **interface: str,
) -> protocol.EndpointInterface:
    """Attach a container; return what Docker is answered."""
    request = protocol.CreateEndpointRequest(
        network_id=network_id,
        endpoint_id=endpoint_id,
        interface=protocol.EndpointInterface(address=address, **interface),
        options=options,
    )
    return (await host.driver.create_endpoint(request)).interface


async def refused(work: Any) -> PluginError:
    with pytest.raises(PluginError) as caught:
        await work
    return caught.value


# Its network


async def test_network_is_remembered_with_its_mode_its_routers_and_whether_it_is_internal(
    host: LiveHost,
) -> None:
    await create_network(host, POOL, POOL_6, internal=True)
    network = host.store.networks.get("n1")
    assert network is not None
    assert (network.mode, network.internal) == ("shared", True)
    assert network.gateways == ("172.20.0.1/16", "fd20::1/64")


@pytest.mark.parametrize("where", ["defaults", "configurations"])
async def test_network_is_shared_also_by_its_settings_in_the_file(
    host: LiveHost, where: str
) -> None:
    text = (
        "defaults: {mode: shared}"
        if where == "defaults"
        else "configurations: {net: {mode: shared}}"
    )
    host.put(text, "wgplugin.yaml")
    request = protocol.CreateNetworkRequest(
        network_id="n1",
        options={protocol.GENERIC_OPTIONS: {"wireguard-config": "net"}},
        ipv4_data=(POOL,),
    )
    await host.driver.create_network(request)
    network = host.store.networks.get("n1")
    assert network is not None
    assert network.mode == "shared"


async def test_network_keeps_its_mode_when_the_settings_change(host: LiveHost) -> None:
    await host.create_network("n1", "net", NULL_POOL)
    host.put("defaults: {mode: shared}", "wgplugin.yaml")
    await host.create_endpoint("n1", "e1")
    assert not host.routers.pins
    assert host.backend.devices[DEVICE][1] is not None
    assert (await host.enter()).interface_name.dst_prefix == "wg"


@pytest.mark.parametrize(
    ("pools", "options", "code"),
    [
        (NULL_POOL, {}, Code.NO_GATEWAY),
        ((protocol.IPAMData(pool="172.20.0.0/16"),), {}, Code.NO_GATEWAY),
        ((POOL,), {"forward": "80:80"}, Code.BAD_FORWARD),
        ((POOL,), {"bypass": "10.0.0.0/8", "default": "gateway"}, Code.BYPASS_AND_GATEWAY),
        ((POOL,), {"nat": "perhaps"}, Code.BAD_SETTING),
    ],
)
async def test_network_that_cannot_be_is_refused_and_forgotten(
    host: LiveHost, pools: tuple[protocol.IPAMData, ...], options: Any, code: Code
) -> None:
    error = await refused(create_network(host, *pools, **options))
    assert error.code is code
    assert host.store.networks.get("n1") is None


async def test_network_is_refused_where_no_router_can_be_made(host: LiveHost) -> None:
    host.routers.failing.add("check")
    assert "check fails" in (await refused(create_network(host))).message
    assert host.store.networks.get("n1") is None


async def test_deleted_network_leaves_no_router_endpoint_or_veth(host: LiveHost) -> None:
    await create_network(host)
    await attach(host)
    await host.delete_network("n1")
    assert (host.routers.spaces, host.backend.devices) == ({}, {})
    assert not list(host.store.networks)
    assert not list(host.store.endpoints)


async def test_network_whose_router_cannot_be_deleted_is_not_forgotten(host: LiveHost) -> None:
    await create_network(host)
    await attach(host)
    host.routers.failing.add("delete")
    await refused(host.delete_network("n1"))
    host.routers.failing.clear()
    host.start()
    await host.delete_network("n1")
    assert not host.routers.pins


@pytest.mark.parametrize("mode", ["shared", "container"])
async def test_docker_keeps_a_gateway_address_for_shared_networks_alone(
    host: LiveHost, mode: str
) -> None:
    given = {"wireguard-config": "net", "wireguard-mode": mode}
    request = protocol.GwAllocCheckRequest(options={protocol.GENERIC_OPTIONS: given})
    answer = await host.driver.gw_alloc_check(request)
    assert (answer.skip_ipv4, answer.skip_ipv6) == ((mode == "container",) * 2)


async def test_docker_keeps_a_gateway_address_where_the_file_has_the_mode(host: LiveHost) -> None:
    given = {protocol.GENERIC_OPTIONS: {"wireguard-config": "net"}}
    request = protocol.GwAllocCheckRequest(options=given)
    host.put("configurations: {net: {mode: shared}}", "wgplugin.yaml")
    assert not (await host.driver.gw_alloc_check(request)).skip_ipv4
    host.put("colour: red", "wgplugin.yaml")
    assert (await host.driver.gw_alloc_check(request)).skip_ipv4


# Its containers


async def test_container_gets_a_veth_whose_mac_address_is_made_of_its_ip_address(
    host: LiveHost,
) -> None:
    await create_network(host)
    answer = await attach(host)
    assert answer == protocol.EndpointInterface(mac_address="02:42:ac:14:00:02")
    assert host.routers.spaces["n1"].ports == {DEVICE: "02:42:ac:14:00:02"}


async def test_mac_address_that_the_user_gave_is_the_veth_s_and_not_answered(
    host: LiveHost,
) -> None:
    await create_network(host)
    answer = await attach(host, mac_address="02:42:00:00:00:07")
    assert answer == protocol.EndpointInterface()
    assert host.routers.spaces["n1"].ports == {DEVICE: "02:42:00:00:00:07"}


async def test_made_up_ipv6_address_is_answered_where_leak_protection_needs_it(
    host: LiveHost,
) -> None:
    host.edit("0.0.0.0/0")
    await create_network(host)
    assert (await attach(host)).address_ipv6.startswith("fd")
    await host.delete_endpoint("e1")
    assert (await attach(host, options={"wireguard-sink": "off"})).address_ipv6 == ""


@pytest.mark.parametrize(
    ("options", "prefix"), [({}, "eth"), ({"wireguard-interface": "vpn"}, "vpn")]
)
async def test_container_joins_with_its_veth_and_routes_by_the_router(
    host: LiveHost, options: dict[str, str], prefix: str
) -> None:
    await create_network(host)
    await attach(host, options=options)
    answer = await host.enter()
    assert answer.interface_name == protocol.InterfaceName(src_name=DEVICE, dst_prefix=prefix)
    assert answer.static_routes == (
        protocol.StaticRoute(
            destination="10.0.0.0/8", route_type=protocol.ROUTE_NEXT_HOP, next_hop="172.20.0.1"
        ),
    )
    assert (answer.gateway, answer.disable_gateway_service) == ("", True)


async def test_default_gateway_is_the_router(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    await create_network(host, default="gateway")
    await attach(host)
    answer = await host.enter()
    assert (answer.gateway, answer.static_routes) == ("172.20.0.1", ())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"wireguard-address": "172.20.0.9"}, Code.CONTAINER_ADDRESS, "choose one with --ip"),
        ({"wireguard-nat": "off"}, Code.UNKNOWN_OPTION, "isn't for a container"),
        ({"wireguard-forward": "80:172.20.0.9:80"}, Code.BAD_FORWARD, "leads to itself"),
        (
            {"wireguard-forward": "81:80"},
            Code.BAD_FORWARD,
            "81/tcp of the tunnel is that of the ne",
        ),
        ({"wireguard-sink": "perhaps"}, Code.BAD_SETTING, "wireguard-sink"),
        (
            {"wireguard-default": "gateway", "wireguard-bypass": "10.0.0.0/8"},
            Code.BYPASS_AND_GATEWAY,
            "leave out one of them",
        ),
    ],
)
async def test_option_that_cannot_be_refuses_the_container(
    host: LiveHost, options: dict[str, str], code: Code, said: str
) -> None:
    await create_network(host, forward="81:172.20.0.7:80")
    error = await refused(attach(host, options=options))
    assert error.code is code
    assert said in str(error)
    assert not list(host.store.endpoints)
    assert not host.routers.pins


async def test_forwarded_port_is_remembered_with_its_container(host: LiveHost) -> None:
    await create_network(host)
    await attach(host, options={"wireguard-forward": "80:8080"})
    (endpoint,) = host.store.endpoints
    assert endpoint.tunnel == {"forward": "80:8080"}


async def test_container_is_refused_once_the_file_does_not_go_with_the_subnet(
    host: LiveHost,
) -> None:
    await create_network(host)
    host.edit("172.20.5.0/24")
    assert (await refused(attach(host))).code is Code.SUBNET_TAKEN
    assert not list(host.store.endpoints)


async def test_container_of_another_network_with_the_configuration_is_refused(
    host: LiveHost,
) -> None:
    await create_network(host)
    await attach(host)
    other = protocol.IPAMData(pool="172.21.0.0/16", gateway="172.21.0.1/16")
    await create_network(host, other, network_id="n2")
    error = await refused(attach(host, "e2", "172.21.0.2/16", network_id="n2"))
    assert error.code is Code.IN_USE
    assert [endpoint.id for endpoint in host.store.endpoints] == ["e1"]


@pytest.mark.parametrize("there", [True, False])
async def test_forwarded_port_is_that_of_one_container_that_is_there(
    host: LiveHost, there: bool
) -> None:
    await create_network(host)
    other = Endpoint(
        id="e2",
        network_id="n1",
        configuration="another",
        created=Moment("an earlier boot", 0.0),
        tunnel={"forward": "80:8080"},
        assigned=("172.20.0.3/16",),
    )
    await host.store.endpoints.put(other)
    if there:
        host.backend.containers.add(device_name("e2"))
    await attach(host, "e3", "172.20.0.4/16", {"wireguard-forward": "81:80,80:80/udp"})
    await host.delete_endpoint("e3")
    call = attach(host, options={"wireguard-forward": "80:80"})
    if there:
        assert "80/tcp of the tunnel is that of endpoint e2" in str(await refused(call))
    else:
        await call


async def test_of_two_that_ask_for_a_forwarded_port_at_once_one_gets_it(host: LiveHost) -> None:
    await create_network(host)
    options = {"wireguard-forward": "80:80"}
    found = await asyncio.gather(
        attach(host, "e1", "172.20.0.2/16", options),
        attach(host, "e2", "172.20.0.3/16", options),
        return_exceptions=True,
    )
    errors = [each for each in found if isinstance(each, PluginError)]
    assert [error.code for error in errors] == [Code.BAD_FORWARD]
    assert len([*host.store.endpoints]) == 1


async def test_dns_that_is_required_and_not_asked_refuses_the_container(host: LiveHost) -> None:
    host.edit(interface="DNS = fd08::1")
    await create_network(host, dns="require")
    assert (await refused(attach(host))).code is Code.DNS_NOT_ASKED


async def test_what_does_not_count_is_warned_of(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.edit("0.0.0.0/0, ::/0", "MTU = 1350")
    request = protocol.CreateNetworkRequest(
        network_id="n1",
        options={
            protocol.GENERIC_OPTIONS: {
                "wireguard-config": "net",
                "wireguard-mode": "shared",
                MTU_OPTION: "1300",
            }
        },
        ipv4_data=(POOL,),
    )
    await host.driver.create_network(request)
    assert [line[-7:] for line in caplog.messages if "net.conf" in line] == ["[WG113]", "[WG116]"]


async def test_host_without_ipv6_refuses_a_tunnel_of_ipv6(tmp_path: Path) -> None:
    host = LiveHost(tmp_path, families=IPV4)
    host.put(f"[Interface]\nPrivateKey = {PRIVATE_KEY}\nAddress = fd08::2/128\n{PEER}")
    assert (await refused(create_network(host))).code is Code.NO_IPV6
    host.edit()
    await create_network(host)
    host.edit(endpoint="[2001:db8::5]:1")
    assert (await refused(attach(host))).code is Code.NO_IPV6


@pytest.mark.parametrize("step", ["make", "apply", "attach"])
async def test_refused_container_leaves_nothing(host: LiveHost, step: str) -> None:
    await create_network(host)
    host.routers.failing.add(step)
    assert f"{step} fails" in (await refused(attach(host))).message
    assert not list(host.store.endpoints)
    assert host.backend.devices == {}
    assert host.routers.pins == ({"n1"} if step == "attach" else set())


@pytest.mark.parametrize("step", ["make", "apply", "attach"])
async def test_cancelled_call_leaves_nothing(host: LiveHost, step: str) -> None:
    await create_network(host)
    host.routers.hanging.add(step)
    call = asyncio.create_task(attach(host))
    await asyncio.sleep(1)
    call.cancel()
    await asyncio.wait([call])
    assert not list(host.store.endpoints)
    assert host.backend.devices == {}
    assert host.routers.pins == ({"n1"} if step == "attach" else set())


async def test_repeated_call_leaves_a_veth_that_is_in_its_container(host: LiveHost) -> None:
    await create_network(host)
    first = await attach(host)
    host.backend.into_container(DEVICE)
    assert await attach(host) == first
    assert host.backend.devices == {}
    assert DEVICE in host.backend.containers


async def test_container_that_leaves_takes_its_veth_and_ports_along(host: LiveHost) -> None:
    await create_network(host)
    await attach(host)
    await host.join("n1", "e1", KEY)
    await host.leave()
    for _ in range(2):
        await host.delete_endpoint("e1")
    assert host.backend.devices == {}
    assert not list(host.store.endpoints)


async def test_endpoint_of_a_forgotten_network_is_deleted(host: LiveHost) -> None:
    await create_network(host)
    await attach(host)
    await host.store.networks.remove("n1")
    await host.delete_endpoint("e1")
    assert host.backend.devices == {}
    assert not list(host.store.endpoints)


async def test_router_of_a_forgotten_network_goes_with_the_network(host: LiveHost) -> None:
    await create_network(host)
    await attach(host)
    await host.store.networks.remove("n1")
    host.start()
    await host.routers.make("n1")
    await host.driver.delete_network(protocol.NetworkRequest(network_id="n1"))
    assert await host.routers.networks() == frozenset()


# Other editions


async def test_network_of_the_live_edition_is_refused_in_the_base_edition(
    host: LiveHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_network(host)
    await attach(host)
    base = super(LiveHost, host).assemble
    monkeypatch.setattr(host, "assemble", base)
    host.start()
    assert isinstance(host.plugin.insides, NoInsides)
    assert (await refused(attach(host, "e2", "172.20.0.3/16"))).code is Code.NEEDS_LIVE
    assert (await refused(create_network(host, network_id="n2"))).code is Code.NEEDS_LIVE
    await host.delete_endpoint("e1")
    await host.delete_network("n1")
    assert not list(host.store.networks)
    assert host.backend.devices == {}
