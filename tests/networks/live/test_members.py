"""A container on a shared network goes by its router, and is kept so by the kernel's notices."""

from __future__ import annotations

import asyncio

import pytest

from tests.hosts import LiveHost, soon
from tests.networks.live.sharing import NETWORK, Shared
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Route

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shared(host: LiveHost) -> Shared:
    shared = Shared(host)
    await shared.create()
    return shared


def blocked(shared: Shared) -> set[str]:
    """Return what goes nowhere in the container without the network."""
    return {
        str(item.destination)
        for item in shared.items()
        if isinstance(item, Route) and item.kind == "unreachable"
    }


async def test_container_s_routes_lead_to_the_router(shared: Shared) -> None:
    await shared.start()
    assert shared.routes() == {"172.20.0.0/16", "10.0.0.0/8 via 172.20.0.1"}


async def test_prefixes_are_blocked_in_the_container_if_the_way_is_lost(shared: Shared) -> None:
    await shared.start()
    assert blocked(shared) == {"172.20.0.0/16", "10.0.0.0/8"}


async def test_routes_that_somebody_deletes_are_put_back(shared: Shared) -> None:
    inside = await shared.start()
    inside.take_down(device_name("e1"), network_number(NETWORK))
    await soon()
    assert shared.routes() == {"172.20.0.0/16", "10.0.0.0/8 via 172.20.0.1"}


async def test_nftables_that_somebody_flushes_are_installed_again_at_the_notice(
    shared: Shared,
) -> None:
    inside = await shared.start()
    inside.flush_firewall()
    inside.give_notice()
    await soon()
    assert network_number(NETWORK) in inside.firewalls


async def test_container_costs_nothing_at_rest(shared: Shared) -> None:
    for number in range(2, 12):
        await shared.start(f"e{number}", number)
    await asyncio.sleep(600.0)
    shared.host.containers.calls.clear()
    await asyncio.sleep(600.0)
    assert not shared.host.containers.calls


async def test_device_that_is_gone_is_in_the_status(shared: Shared) -> None:
    inside = await shared.start()
    del inside.devices[device_name("e1")]
    inside.give_notice()
    await soon()
    (status,) = await shared.host.live.statuses()
    assert "gone from the container" in status.containers[0].error


async def test_running_container_that_is_disconnected_stays_closed(shared: Shared) -> None:
    await shared.start()
    await shared.stop()
    assert blocked(shared) == {"172.20.0.0/16", "10.0.0.0/8"}


async def test_one_container_s_end_changes_nothing_for_another(shared: Shared) -> None:
    await shared.start("e1", 2)
    await shared.start("e2", 3)
    before = shared.items("e2")
    await shared.stop("e1")
    await soon()
    assert shared.items("e2") == before
    assert not shared.member("e2").error


async def test_file_that_cannot_be_followed_is_refused_for_that_container_alone(
    shared: Shared,
) -> None:
    """With wireguard-default=gateway, routes are Docker's, which has none for it now."""
    await shared.start()
    shared.host.put("defaults:\n  default: gateway\n", "wgplugin.yaml")
    await soon()
    before = shared.routes()
    shared.host.edit("0.0.0.0/0")
    await soon()
    assert "next start" in shared.member().error
    assert shared.routes() == before


async def test_names_are_asked_in_the_container_while_it_is_there(shared: Shared) -> None:
    inside = await shared.start()
    inside.names = lambda query: b"answer to " + query
    member = shared.member()
    assert await member.ask_names(b"query", 1.0) == b"answer to query"
    await shared.stop()
    assert await member.ask_names(b"query", 1.0) is None
