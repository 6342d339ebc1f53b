"""Several tunnels get on with each other, in one container and in several."""

from __future__ import annotations

import asyncio

import pytest

from tests.hosts import (
    KEY,
    NULL_POOL,
    OTHER_SANDBOX,
    OWNER,
    LiveHost,
    soon,
)
from tests.memory_containers import Namespace
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.docker import protocol
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import PolicyRule, Route
from wgplugin.networks.tunnel import Tunnel

pytestmark = pytest.mark.anyio


async def start_second(host: LiveHost, text: str, key: str = KEY, **options: str) -> Tunnel:
    """Start a second tunnel, "other", in the container, or in another one."""
    host.containers.namespaces.setdefault(key, Namespace())
    (host.folder / "other.conf").write_text(text)
    await host.create_network("n2", "other", NULL_POOL, **options)
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", key)
    host.containers.namespaces[key].bring(device_name("e2"))
    await soon()
    return host.live.tunnels[-1]


def metrics(host: LiveHost, destination: str) -> list[int]:
    """Return which of the networks n1 and n2 has each route to a destination, the first first."""
    routes = [
        item
        for item in host.inside.routing
        if isinstance(item, Route)
        and item.kind == "device"
        and str(item.destination) == destination
    ]
    low = [route.metric - 1 & 0xFFFFF for route in sorted(routes, key=lambda each: each.metric)]
    owners = {network_number(f"n{number}") & 0xFFFFF: number for number in (1, 2)}
    return [owners[each] for each in low]


@pytest.mark.parametrize(("priority", "order"), [("0", [1, 2]), ("1", [2, 1]), ("-1", [1, 2])])
async def test_full_tunnel_with_the_higher_priority_or_the_first_name_wins(
    host: LiveHost, priority: str, order: list[int]
) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container()
    await start_second(host, host.text, priority=priority)
    assert metrics(host, "0.0.0.0/0") == order
    assert metrics(host, "::/0") == order


async def test_full_tunnel_is_asked_for_names_whichever_comes_first(host: LiveHost) -> None:
    host.edit("10.0.0.0/8", "DNS = 10.0.0.1, corp.example")
    await host.start_container()
    assert host.inside.firewalls[OWNER].all_names
    full = host.text.replace("10.0.0.0/8", "0.0.0.0/0")
    await start_second(host, full)
    assert not host.inside.firewalls[OWNER].all_names
    assert host.inside.firewalls[network_number("n2")].all_names
    await host.driver.leave(protocol.EndpointRequest(network_id="n2", endpoint_id="e2"))
    await soon()
    assert host.inside.firewalls[OWNER].all_names
    await host.leave()


async def test_order_of_a_container_s_tunnels_outlives_the_plugin(
    host: LiveHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ConfigFolder.read

    async def read_late(folder: ConfigFolder, name: str) -> Files:
        await asyncio.sleep(0.1 if name == "other" else 0.0)
        return await read(folder, name)

    host.edit("0.0.0.0/0")
    await host.start_container()
    await start_second(host, host.text, priority="1")
    assert metrics(host, "0.0.0.0/0") == [2, 1]
    before = set(host.inside.routing)
    monkeypatch.setattr(ConfigFolder, "read", read_late)
    async with host.started_anew("0.0.0.0/0"):
        for _ in range(100):
            await asyncio.sleep(0.01)
            assert host.inside.routing == before


async def test_second_tunnel_leaves_out_routes_that_docker_has_set_for_the_first(
    host: LiveHost,
) -> None:
    host.edit("0.0.0.0/0")
    await host.create()
    first = await host.enter()
    (host.folder / "other.conf").write_text(host.text)
    await host.create_network("n2", "other")
    await host.create_endpoint("n2", "e2")
    second = await host.join("n2", "e2", KEY)
    assert first.static_routes
    assert not second.static_routes
    assert (await host.join("n2", "e2", OTHER_SANDBOX)).static_routes == first.static_routes
    await host.leave()


async def test_tunnel_that_leaves_lets_the_other_one_of_the_container_go_on(
    host: LiveHost,
) -> None:
    await host.start_container(disconnect="open")
    second = await start_second(host, host.text.replace("10.", "172."))
    await host.leave()
    assert host.live.tunnels == (second,)
    assert len(host.inside.open) == 1
    assert host.routes() == set()
    left = host.inside.found(network_number("n2"), device_name("e2")).items
    assert {str(item) for item in left if not isinstance(item, PolicyRule)} == {
        "address 172.8.0.2/32",
        "route 172.0.0.0/8",
        "unreachable route 172.0.0.0/8",
    }
    assert any(isinstance(item, PolicyRule) for item in left)


async def test_status_comes_though_a_container_hangs_and_says_which(host: LiveHost) -> None:
    await host.start_container()
    await start_second(host, host.text.replace("10.", "172."), OTHER_SANDBOX)
    host.containers.namespaces[KEY].hangs = True
    told = {each.endpoint: each for each in (await host.upkeep.status()).tunnels}
    assert told["e1"].error == "the container's network doesn't answer [WG409]"
    assert not told["e2"].error


async def test_container_that_hangs_does_not_hold_up_others(host: LiveHost) -> None:
    await host.start_container()
    host.inside.hangs = True
    host.inside.give_notice()
    await soon()
    await start_second(host, host.text.replace("10.", "172."), OTHER_SANDBOX)
    other = host.containers.namespaces[OTHER_SANDBOX]
    assert other.found(network_number("n2"), device_name("e2")).items
