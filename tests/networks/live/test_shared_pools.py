"""A shared network with a pool: its router has one configuration at a time."""

import asyncio
from pathlib import Path

import pytest

from tests.hosts import NULL_POOL
from tests.networks.live.failing import Providers
from tests.networks.live.sharing import NETWORK, Shared
from tests.networks.pooling import key
from wgplugin.codes import Code
from wgplugin.errors import BackendError, PluginError
from wgplugin.model.device import DeviceConfig
from wgplugin.networks.status import TunnelStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(tmp_path: Path) -> Providers:
    host = Providers(tmp_path)
    host.provide("a", "b", "c")
    return host


def has(net: Shared) -> str | None:
    """Return the private key that the router has."""
    device = net.space.device
    return device.private_key.base64() if device and device.private_key else None


def claims(host: Providers) -> set[str]:
    return {name for each in host.store.endpoints for name in each.claims}


async def status(host: Providers) -> TunnelStatus:
    (found,) = await host.live.statuses()
    return found


async def test_containers_share_the_first_configuration(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await net.start("e2", 3)
        assert has(net) == key("a")
        assert claims(host) == {"a"}
        found = await status(host)
        assert (found.configuration, found.pool, found.why) == ("a", "a,b", "first of the pool")


async def test_router_that_is_down_goes_on_by_the_next_configuration(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await net.start("e2", 3)
        await host.pass_(30)
        host.dead.add("a")
        await host.pass_(33)
        assert has(net) == key("b")
        assert claims(host) == {"b"}
        found = await status(host)
        assert (found.configuration, found.health, found.error) == ("b", "up", "")
        assert (found.why, found.switches) == ("a is down: no answer for 20 s", 1)
        assert not any(each.error for each in found.containers)
        await net.start("e3", 4)
        assert claims(host) == {"b"}


async def test_router_goes_back_if_the_network_says_so(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b", failback="60")
        await net.start("e1", 2)
        host.dead.add("a")
        host.kill("a")
        await host.pass_(300)
        assert (await status(host)).configuration == "b"
        host.dead.clear()
        host.revive()
        await host.pass_(80)
        assert has(net) == key("a")


async def test_idle_router_without_containers_is_left_alone(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await net.stop("e1")
        host.dead.add("a")
        await host.pass_(120)
        assert has(net) == key("a")
        assert not claims(host)


async def test_configuration_of_a_router_is_nobody_elses_and_free_after_a_switch(
    host: Providers,
) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await host.create_network("n2", "a", NULL_POOL)
        with pytest.raises(PluginError, match=Code.IN_USE):
            await host.create_endpoint("n2", "e9")
        assert await host.live.switch(NETWORK, "b") == "b"
        await host.create_endpoint("n2", "e9")
        with pytest.raises(PluginError, match=Code.IN_USE):
            await host.live.switch("e1", "a")
        assert has(net) == key("b")


async def test_router_gets_what_is_free(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await host.create_network("n2", "a", NULL_POOL)
        await host.create_endpoint("n2", "e9")
        await net.create("a,b")
        await net.start("e1", 2)
        assert has(net) == key("b")
        assert (await status(host)).why == "a is in use"


async def test_router_that_can_have_none_is_refused_and_not_there(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        for number, name in enumerate("ab"):
            await host.create_network(f"n{number + 2}", name, NULL_POOL)
            await host.create_endpoint(f"n{number + 2}", f"e{number + 8}")
        await net.create("a,b")
        with pytest.raises(PluginError, match=Code.POOL_USED_UP):
            await net.attach("e1", 2)
        assert not host.routers.spaces
        assert {each.id for each in host.store.endpoints} == {"e8", "e9"}


async def test_broken_file_is_passed_over(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        host.put("[Interface]\nAdress = 1\n", "a.conf")
        await net.start("e1", 2)
        assert has(net) == key("b")
        assert claims(host) == {"b"}


async def test_one_whose_device_cannot_be_made_is_passed_over(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        create, refused = host.backend.create, [BackendError(Code.PORT_IN_USE, "in use")]

        async def create_the_second(ifname: str, mtu: int, config: DeviceConfig) -> None:
            await create(ifname, mtu, config)
            if refused:
                raise refused.pop()

        host.backend.create = create_the_second  # type: ignore[method-assign]
        await net.start("e1", 2)
        assert has(net) == key("b")
        assert claims(host) == {"b"}


async def test_switch_by_a_container_is_that_of_its_network(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        assert await host.live.switch("e1", "") == "b"
        assert has(net) == key("b")


async def test_silent_one_is_passed_over_where_the_start_waits(host: Providers) -> None:
    net = Shared(host)
    host.kill("a")
    async with host.kept():
        await net.create("a,b", wait="10")
        await net.start("e1", 2)
        assert has(net) == key("b")


async def test_start_is_refused_if_nobody_answers(host: Providers) -> None:
    net = Shared(host)
    host.kill("a", "b")
    async with host.kept():
        await net.create("a,b", wait="10", wait_fail="refuse")
        with pytest.raises(PluginError, match=Code.NO_HANDSHAKE):
            await net.attach("e1", 2)
        assert not host.routers.spaces
        assert not claims(host)


async def test_single_configuration_is_waited_for_too(host: Providers) -> None:
    net = Shared(host)
    host.kill("a")
    async with host.kept():
        await net.create("a", wait="5", wait_fail="refuse")
        with pytest.raises(PluginError, match=Code.NO_HANDSHAKE):
            await net.attach("e1", 2)
        assert not host.routers.spaces


async def test_dns_of_the_containers_follows_the_router(host: Providers) -> None:
    text = (host.folder / "b.conf").read_text()
    host.put(text.replace("Address", "DNS = 10.99.0.1\nAddress", 1), "b.conf")
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await host.live.switch(NETWORK, "b")
        await host.pass_(3)
        plan = net.member("e1").plan
        assert plan
        assert str(plan.dns) == "10.99.0.1"


@pytest.mark.parametrize("method", ["apply", "adopt"])
async def test_switch_that_fails_keeps_both_claims_until_it_is_over(
    host: Providers, method: str
) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        host.routers.failing.add(method)
        if method == "apply":
            with pytest.raises(PluginError, match=Code.NOT_SET_UP):
                await host.live.switch(NETWORK, "b")
            assert claims(host) == {"a", "b"}
        host.routers.failing.clear()
        await host.live.switch(NETWORK, "b")
        await host.pass_(60)
        assert len(claims(host)) == 1


async def test_restart_of_the_plugin_in_the_middle_finishes_the_switch(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        host.routers.failing.add("apply")
        with pytest.raises(PluginError, match=Code.NOT_SET_UP):
            await host.live.switch(NETWORK, "b")
    host.routers.failing.clear()
    host.start()
    async with host.kept():
        await host.pass_(5)
        assert has(net) == key("b")
        assert claims(host) == {"b"}


async def test_container_that_comes_during_a_switch_has_the_claims_of_the_others(
    host: Providers,
) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        switching = asyncio.create_task(host.live.switch(NETWORK, "b"))
        await net.start("e2", 3)
        await switching
        await host.pass_(2)
        assert {each.id: each.claims for each in host.store.endpoints} == {
            "e1": {"b"},
            "e2": {"b"},
        }


async def test_network_that_is_deleted_in_the_middle_leaves_nothing(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        host.routers.hanging.add("apply")
        switching = asyncio.create_task(host.live.switch(NETWORK, "b"))
        await asyncio.sleep(1)
        await net.stop("e1")
        host.routers.hanging.clear()
        switching.cancel()
        await host.delete_network(NETWORK)
        assert not host.routers.spaces
        assert not claims(host)


async def test_router_made_anew_may_have_another_configuration(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await net.stop("e1")
        await host.create_network("n2", "a", NULL_POOL)
        await host.create_endpoint("n2", "e9")
        assert not host.routers.spaces
        await net.start("e1", 2)
        assert has(net) == key("b")


async def test_file_that_gets_the_key_of_another_network_is_refused(host: Providers) -> None:
    net = Shared(host)
    async with host.kept():
        await net.create("a,b")
        await net.start("e1", 2)
        await host.create_network("n2", "?", NULL_POOL)
        await host.run_container("e9", "n2")
        host.provide("a", of="b")
        await host.pass_(5)
        assert has(net) == key("a")
        found = [each for each in await host.live.statuses() if each.network == NETWORK]
        assert Code.SAME_KEY in found[0].error
