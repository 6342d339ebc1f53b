"""A shared network has one router, which is as its files say, from the first container on."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from tests.hosts import LiveHost, logged_once, soon
from tests.networks.live.sharing import NETWORK, Shared
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name
from wgplugin.model.router import Forward

pytestmark = pytest.mark.anyio

ROUTER = device_name(NETWORK)


@pytest.fixture
async def shared(host: LiveHost) -> Shared:
    shared = Shared(host)
    await shared.create()
    return shared


async def test_network_has_no_router_before_its_first_container(shared: Shared) -> None:
    assert not shared.host.routers.spaces
    await shared.start()
    assert shared.space.device


async def test_router_has_the_file_s_addresses_and_routes_and_docker_s_gateway(
    shared: Shared,
) -> None:
    await shared.start()
    plan = shared.space.plan
    assert plan
    assert plan.addresses == (ip_interface("10.8.0.2/32"),)
    assert plan.routed == (ip_network("10.0.0.0/8"),)
    assert plan.gateways == (ip_interface("172.20.0.1/16"),)


async def test_containers_share_one_router_and_each_has_a_veth(shared: Shared) -> None:
    await shared.start("e1", 2)
    first = shared.space
    await shared.start("e2", 3)
    assert shared.space is first
    assert shared.space.ports == {
        device_name("e1"): "02:42:ac:14:00:02",
        device_name("e2"): "02:42:ac:14:00:03",
    }
    assert ROUTER not in shared.host.backend.devices


async def test_containers_that_start_at_once_share_one_router(shared: Shared) -> None:
    await asyncio.gather(*(shared.attach(f"e{number}", number) for number in range(2, 12)))
    assert len(shared.space.ports) == 10


@pytest.mark.parametrize("method", ["make", "adopt", "apply", "attach"])
async def test_first_container_that_is_refused_leaves_nothing(shared: Shared, method: str) -> None:
    shared.host.routers.failing.add(method)
    with pytest.raises(PluginError, match=f"{method} fails"):
        await shared.attach()
    assert not list(shared.host.store.endpoints)
    assert not shared.host.backend.devices
    if method != "attach":
        assert not shared.host.routers.pins
    shared.host.routers.failing.clear()
    await shared.start()


async def test_container_that_is_refused_leaves_the_others_their_router(shared: Shared) -> None:
    await shared.start("e1", 2)
    shared.host.routers.failing.add("attach")
    with pytest.raises(PluginError):
        await shared.attach("e2", 3)
    assert shared.host.routers.pins == {NETWORK}
    assert set(shared.space.ports) == {device_name("e1")}


async def test_port_in_use_on_the_host_names_the_file(shared: Shared) -> None:
    shared.host.backend.failing.add("create")
    with pytest.raises(PluginError, match=r"net\.conf: create fails"):
        await shared.attach()


async def test_router_outlives_its_last_container_and_ends_with_the_network(
    shared: Shared,
) -> None:
    await shared.start()
    await shared.stop()
    assert shared.host.routers.pins == {NETWORK}
    await shared.host.delete_network(NETWORK)
    assert not shared.host.routers.pins


async def test_network_without_a_router_can_be_deleted(shared: Shared) -> None:
    await shared.host.delete_network(NETWORK)
    await shared.host.delete_network(NETWORK)


async def test_edit_is_applied_to_the_router_and_then_to_the_containers(shared: Shared) -> None:
    inside = await shared.start()
    shared.host.routers.failing.add("apply")
    shared.host.edit("10.0.0.0/8, 192.168.0.0/16")
    await soon()
    assert shared.routes() == {"172.20.0.0/16", "10.0.0.0/8 via 172.20.0.1"}
    shared.host.routers.failing.clear()
    await asyncio.sleep(60.0)
    assert shared.space.plan
    assert ip_network("192.168.0.0/16") in shared.space.plan.routed
    assert shared.routes() == {
        "172.20.0.0/16",
        "10.0.0.0/8 via 172.20.0.1",
        "192.168.0.0/16 via 172.20.0.1",
    }
    assert inside.routing


async def test_edit_with_errors_leaves_all_as_it_is_and_is_in_the_status(shared: Shared) -> None:
    await shared.start()
    before = shared.space.plan
    shared.host.put("[Interface]\nnonsense\n")
    await soon()
    assert shared.space.plan == before
    assert "net.conf:2" in shared.router.error


async def test_mtu_of_the_file_reaches_the_router_and_the_containers(shared: Shared) -> None:
    inside = await shared.start()
    shared.host.edit(interface="MTU = 1300")
    await soon()
    assert shared.space.plan
    assert shared.space.plan.mtu == 1300
    assert inside.mtus[device_name("e1")] == 1300


async def test_peer_s_endpoint_is_configured_in_the_router(shared: Shared) -> None:
    await shared.start()
    shared.host.edit(endpoint="192.0.2.7:51820")
    await soon()
    assert shared.space.device
    assert str(shared.space.device.peers[0].endpoint) == "192.0.2.7:51820"


async def test_device_that_somebody_deletes_is_made_anew(shared: Shared) -> None:
    await shared.start()
    shared.space.device = None
    shared.space.give_notice()
    await soon()
    assert shared.space.device
    assert not shared.router.error


async def test_nftables_that_somebody_flushes_are_installed_again(shared: Shared) -> None:
    await shared.start()
    shared.space.guarded = False
    await asyncio.sleep(60.0)
    assert shared.space.guarded


async def test_pin_that_somebody_removes_is_put_back(
    shared: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    await shared.start()
    shared.host.routers.pins.clear()
    with logged_once(caplog, "pinned again"):
        shared.host.containers.namespaces.changed.set()
        await soon()
    assert shared.host.routers.pins == {NETWORK}


async def test_router_is_found_again_by_the_next_run(shared: Shared) -> None:
    await shared.start("e1", 2)
    space = shared.space
    async with shared.host.started_anew("10.0.0.0/8, 192.168.0.0/16"):
        await soon()
        assert shared.space is space
        assert space.plan
        assert ip_network("192.168.0.0/16") in space.plan.routed
        assert "192.168.0.0/16 via 172.20.0.1" in shared.routes("e1")
        await shared.start("e2", 3)
        assert len(space.ports) == 2


async def test_container_may_come_before_the_next_run_has_read_the_file(shared: Shared) -> None:
    await shared.start("e1", 2)
    shared.host.start()
    await shared.host.live.begin()
    await shared.start("e2", 3)
    assert len(shared.space.ports) == 2


async def test_router_of_a_network_that_is_gone_is_deleted_at_the_start(shared: Shared) -> None:
    await shared.start()
    await shared.stop()
    await shared.host.routers.make("forgotten")
    async with shared.host.started_anew("10.0.0.0/8"):
        assert shared.host.routers.pins == {NETWORK}


async def test_router_whose_network_cannot_be_read_stays(shared: Shared) -> None:
    await shared.start()
    record = shared.host.folder / "state" / "networks" / f"{NETWORK}.json"
    record.write_text("nonsense")
    async with shared.host.started_anew("10.0.0.0/8"):
        assert shared.host.routers.pins == {NETWORK}


async def test_configuration_is_refused_to_another_network_while_a_container_uses_it(
    shared: Shared,
) -> None:
    await shared.start()
    await shared.host.create_network("n2", "net")
    with pytest.raises(PluginError, match="in use"):
        await shared.host.create_endpoint("n2", "other")


async def test_configuration_goes_to_another_network_once_no_container_uses_it(
    shared: Shared,
) -> None:
    await shared.start()
    await shared.stop()
    await shared.host.create_network("n2", "net")
    await shared.host.create_endpoint("n2", "other")
    assert not shared.host.routers.pins
    with pytest.raises(PluginError, match="in use"):
        await shared.attach()
    await shared.host.delete_endpoint("other")
    await shared.start()
    assert shared.host.routers.pins == {NETWORK}


async def test_forwarded_port_of_a_container_comes_and_goes_with_it(shared: Shared) -> None:
    await shared.start("e1", 2)
    await shared.start("e2", 3, forward="8443:443")
    plan = shared.space.plan
    assert plan
    assert plan.forwards == (Forward(8443, ip_address("172.20.0.3"), 443, "tcp"),)
    await shared.stop("e2")
    await soon()
    assert shared.space.plan
    assert not shared.space.plan.forwards


async def test_status_has_the_router_and_each_of_its_containers(shared: Shared) -> None:
    await shared.start("e1", 2)
    await shared.start("e2", 3)
    (status,) = await shared.host.live.statuses()
    assert (status.network, status.endpoint, status.interface) == (NETWORK, "", "wg0")
    assert [each.endpoint for each in status.containers] == ["e1", "e2"]
    await shared.stop("e1")
    (status,) = await shared.host.live.statuses()
    assert [each.endpoint for each in status.containers] == ["e2"]
