"""A tunnel that is down gets another configuration of its network's pool."""

import asyncio
import logging
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.networks.live.failing import Providers
from tests.networks.pooling import key
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.configuration import Probe
from wgplugin.networks.failover import BY_HAND

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(tmp_path: Path) -> Providers:
    return Providers(tmp_path)


async def test_tunnel_that_is_down_goes_on_by_the_next_configuration(
    host: Providers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        tunnel = await host.run_container()
        await host.pass_(60)
        assert host.alive_by() == key("a")
        host.dead.add("a")
        await host.pass_(33)
        assert host.alive_by() == key("b")
        found = await host.status()
        assert (found.configuration, found.health, found.error) == ("b", "up", "")
        assert (found.pool, found.switches) == ("a,b", 1)
        assert found.why == "a is down: no answer for 20 s"
        assert tunnel is host.live.attachments["e1"]
    assert "switched from a: a is down: no answer for 20 s" in caplog.text


async def test_peer_that_never_answers_is_left_after_a_while(host: Providers) -> None:
    host.provide("a", "b")
    host.dead.add("a")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container()
        await host.pass_(24)
        assert host.alive_by() == key("b")
        assert (await host.status()).why == "a is down: no handshake within 15 s"


async def test_idle_tunnel_is_not_down(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container()
        await host.pass_(20)
        host.idle = True
        host.dead.add("a")
        await host.pass_(600)
        assert host.alive_by() == key("a")


async def test_provider_that_comes_back_is_not_flapped_to(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container()
        host.dead.add("a")
        await host.pass_(60)
        host.dead.clear()
        await host.pass_(7200)
        found = await host.status()
        assert (found.configuration, found.switches) == ("b", 1)


async def test_failback_goes_back_once_the_preferred_one_answers(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b", failback="120")
        await host.run_container()
        host.dead.add("a")
        host.kill("a")
        await host.pass_(600)
        assert (await host.status()).switches == 1
        host.dead.clear()
        host.revive()
        await host.pass_(140)
        found = await host.status()
        assert (found.configuration, found.why) == ("a", "a answers again")
        assert not host.backend.devices


async def test_two_providers_that_die_by_turns_are_switched_to_more_and_more_seldom(
    host: Providers,
) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container()
        for _ in range(60):
            host.dead = {(await host.status()).configuration}
            await host.pass_(60)
        assert (await host.status()).switches < 14


async def test_container_stays_by_what_it_has_when_all_are_dead_and_takes_what_comes(
    host: Providers,
) -> None:
    host.provide("a", "b")
    host.dead |= {"a", "b"}
    async with host.kept():
        await host.open_network("?")
        await host.run_container()
        await host.pass_(50)
        found = await host.status()
        assert found.health == "down"
        assert found.error.startswith("down: no handshake within 15 s; no other configuration")
        assert "a rests" in found.error
        assert found.error.endswith(f"[{Code.TUNNEL_DOWN}]")
        host.provide("c")
        await host.pass_(15)
        assert host.alive_by() == key("c")
        assert not (await host.status()).error


async def test_tunnel_that_recovers_by_itself_has_no_error(host: Providers) -> None:
    host.provide("a")
    async with host.kept():
        await host.open_network("a*")
        await host.run_container()
        await host.pass_(30)
        host.dead.add("a")
        await host.pass_(60)
        assert "there is no other" in (await host.status()).error
        host.dead.clear()
        await host.pass_(10)
        found = await host.status()
        assert (found.health, found.error, found.switches) == ("up", "", 0)


async def test_two_containers_never_share_a_configuration(host: Providers) -> None:
    host.provide("a", "b", "c")
    async with host.kept():
        await host.open_network("?")
        await host.run_container("e1")
        await host.run_container("e2")
        host.dead |= {"a", "b"}
        for _ in range(200):
            await host.pass_(1)
            assert host.alive_by("e1") != host.alive_by("e2")
        assert key("c") in (host.alive_by("e1"), host.alive_by("e2"))


async def test_configuration_is_free_again_once_the_device_has_another(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container("e1")
        await host.live.switch("e1", "b")
        await host.run_container("e2")
        assert (host.alive_by("e1"), host.alive_by("e2")) == (key("b"), key("a"))


async def test_former_configuration_stays_claimed_as_long_as_the_device_may_have_it(
    host: Providers,
) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container("e1")
        host.containers.failing.add("apply")
        with pytest.raises(PluginError, match="isn't set up yet"):
            await host.live.switch("e1", "b")
        with pytest.raises(PluginError, match=Code.POOL_USED_UP):
            await host.create_endpoint("n1", "e2")
        host.containers.failing.clear()
        await host.pass_(60)
        await host.run_container("e2")
        assert {host.alive_by("e1"), host.alive_by("e2")} == {key("a"), key("b")}


async def test_step_that_goes_on_while_the_switch_comes_does_not_count_for_it(
    host: Providers,
) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        tunnel = await host.run_container("e1")
        host.containers.slow.add("apply")
        tunnel.keeper.wake(at_once=True)
        await asyncio.sleep(0.01)
        switching = asyncio.create_task(host.live.switch("e1", "b"))
        while not switching.done():
            await asyncio.sleep(0.01)
            (record,) = host.store.endpoints
            assert host.alive_by("e1") in {key(name) for name in record.claims}
        assert host.alive_by("e1") == key("b")


async def test_configuration_that_cannot_be_set_up_is_left_too(host: Providers) -> None:
    host.provide("a", "b", "c")
    async with host.kept():
        await host.open_network("?")
        await host.run_container()
        host.dead.add("a")
        host.containers.failing.add("apply")
        await host.pass_(60)
        assert (await host.status()).switches >= 2
        host.containers.failing.clear()
        await host.pass_(90)
        found = await host.status()
        assert found.health == "up"
        assert found.configuration in ("b", "c")


@pytest.mark.parametrize("moment", ["apply", "observe"])
async def test_container_that_leaves_in_the_middle_of_a_switch_leaves_no_claim(
    host: Providers, moment: str
) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container("e1")
        host.containers.hanging.add(moment)
        switching = asyncio.create_task(host.live.switch("e1", "b"))
        await asyncio.sleep(1)
        host.containers.hanging.clear()
        await host.leave()
        host.backend.out_of_container(host.device_name("e1"))
        await host.delete_endpoint("e1")
        await asyncio.wait([switching], timeout=60)
        assert not list(host.store.endpoints)
        await host.run_container("e2")
        await host.run_container("e3")


async def test_restart_of_the_plugin_in_the_middle_finishes_the_switch(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container("e1")
        host.containers.failing.add("apply")
        with pytest.raises(PluginError):
            await host.live.switch("e1", "b")
    host.containers.failing.clear()
    host.start()
    async with host.kept():
        await host.pass_(5)
        assert host.alive_by("e1") == key("b")
        (record,) = host.store.endpoints
        assert record.claims == {"b"}


async def test_deleted_file_stays_in_use_and_is_not_come_back_to(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("?")
        await host.run_container()
        host.delete("a")
        await host.pass_(20)
        found = await host.status()
        assert (found.configuration, found.health) == ("a", "up")
        assert "a.conf" in found.error
        host.dead.add("a")
        await host.pass_(40)
        assert host.alive_by() == key("b")
        assert not (await host.status()).error


async def test_file_that_gets_the_key_of_another_container_is_refused(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("?")
        await host.run_container("e1")
        await host.run_container("e2")
        host.provide("b", of="a")
        await host.pass_(5)
        assert host.alive_by("e2") == key("b")
        assert Code.SAME_KEY in (await host.status("e2")).error


async def test_switch_by_hand_takes_the_next_or_the_one_that_is_named(host: Providers) -> None:
    host.provide("a", "b", "c")
    async with host.kept():
        await host.open_network("?", failback="60")
        await host.run_container()
        assert await host.live.switch("e1", "") == "b"
        assert host.alive_by() == key("b")
        assert await host.live.switch("e1", "c") == "c"
        assert host.alive_by() == key("c")
        await host.pass_(300)
        found = await host.status()
        assert (found.configuration, found.why) == ("c", BY_HAND)


@pytest.mark.parametrize(
    ("pool", "name", "code"),
    [
        ("a", "b", Code.NO_POOL),
        ("a,b", "c", Code.NO_MATCH),
        ("a,b", "b", Code.IN_USE),
        ("a,b", "", Code.POOL_USED_UP),
    ],
)
async def test_switch_by_hand_that_cannot_be_is_refused(
    host: Providers, pool: str, name: str, code: Code
) -> None:
    host.provide("a", "b", "c")
    async with host.kept():
        await host.open_network(pool)
        await host.run_container("e1")
        if "b" in pool:
            await host.run_container("e2")
        with pytest.raises(PluginError) as caught:
            await host.live.switch("e1", name)
        assert caught.value.code is code
        assert host.alive_by("e1") == key("a")


async def test_broken_file_is_refused_by_hand_and_passed_over_else(host: Providers) -> None:
    host.provide("a", "b", "c")
    async with host.kept():
        await host.open_network("?")
        await host.run_container()
        host.put("[Interface]\nAdress = 1\n", "b.conf")
        with pytest.raises(PluginError, match=r"b\.conf"):
            await host.live.switch("e1", "b")
        assert host.alive_by() == key("a")
        host.dead.add("a")
        await host.pass_(40)
        assert host.alive_by() == key("c")


async def test_unknown_tunnel_is_not_switched(host: Providers) -> None:
    async with host.kept():
        with pytest.raises(PluginError, match=Code.NO_SUCH_TUNNEL):
            await host.live.switch("e1", "")


async def test_wait_ends_with_the_handshake(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b")
        await host.run_container()
        waiting = asyncio.create_task(host.live.wait("e1", 30))
        await asyncio.sleep(3)
        assert not waiting.done()
        await host.pass_(1)
        await asyncio.sleep(0.5)
        assert waiting.done()
        assert waiting.result() == "up"


async def test_wait_ends_when_the_tunnel_is_down_or_time_is_over(host: Providers) -> None:
    host.provide("a")
    host.dead.add("a")
    async with host.kept():
        await host.open_network("a")
        await host.run_container()
        assert await host.live.wait("e1", 5) == "never"
        waiting = asyncio.create_task(host.live.wait("e1", 30))
        await host.pass_(20)
        assert waiting.done()
        assert waiting.result() == "down"


async def test_probe_that_fails_switches_a_tunnel_that_looks_alive(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b", probe="10.64.0.1")
        await host.run_container()
        await host.pass_(30)
        host.containers.silent.add(Probe(ip_address("10.64.0.1")))
        await host.pass_(30)
        host.containers.silent.clear()
        found = await host.status()
        assert found.configuration == "b"
        assert found.why == "a is down: 10.64.0.1 hasn't answered to 2 probes"
        await host.pass_(60)
        assert (await host.status()).switches == 1


async def test_one_lost_probe_is_not_the_end_of_a_tunnel(host: Providers) -> None:
    host.provide("a", "b")
    target = Probe(ip_address("10.64.0.1"))
    async with host.kept():
        await host.open_network("a,b", probe="10.64.0.1")
        await host.run_container()
        for _ in range(20):
            host.containers.silent.add(target)
            await host.pass_(6)
            host.containers.silent.clear()
            await host.pass_(14)
        assert (await host.status()).switches == 0


async def test_probe_that_cannot_be_sent_is_told_and_says_nothing_of_the_tunnel(
    host: Providers,
) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b", probe="10.64.0.1")
        await host.run_container()
        host.containers.failing.add("probe")
        await host.pass_(60)
        found = await host.status()
        assert (found.health, found.switches) == ("up", 0)
        assert "probe fails" in found.error


async def test_probe_outside_the_allowed_ips_is_told_and_not_sent(host: Providers) -> None:
    host.provide("a", "b")
    async with host.kept():
        await host.open_network("a,b", probe="[fd00::1]:53")
        await host.run_container()
        host.containers.silent.add(Probe(ip_address("fd00::1"), 53))
        await host.pass_(60)
        found = await host.status()
        assert (found.health, found.switches) == ("up", 0)
        assert "isn't in the AllowedIPs" in found.error
