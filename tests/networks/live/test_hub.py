"""A hub: peers come, are limited and end by edits and by the date; the others notice nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from tests.hosts import PRIVATE_KEY, LiveHost, soon
from tests.networks.live.sharing import Shared
from wgplugin.codes import Code
from wgplugin.errors import PluginError
from wgplugin.model.device import Key

pytestmark = pytest.mark.anyio

KEYS = {name: f"{letter * 42}A=" for name, letter in (("phone", "B"), ("tablet", "C"))}
ADDRESSES = {"phone": "10.99.0.2/32", "tablet": "10.99.0.3/32"}


def write(host: LiveHost, interface: str = "ListenPort = 51820\n", **notes: str) -> None:
    """Write the hub's file with peers of these names, and what else their notes have."""
    text = f"[Interface]\nPrivateKey = {PRIVATE_KEY}\nAddress = 10.99.0.1/24\n{interface}"
    for name, note in notes.items():
        text += f"[Peer]\n# wgplugin: peer name={name} {note}\nPublicKey = {KEYS[name]}\n"
        text += f"AllowedIPs = {ADDRESSES[name]}\n"
    (host.folder / "net.conf").write_text(text)
    host.notices.tell("net.conf")


async def hub(host: LiveHost, **options: str) -> Shared:
    shared = Shared(host)
    await shared.create(**options)
    await shared.start()
    return shared


def peers(shared: Shared) -> set[str]:
    """Return the names of the peers that the router's device has."""
    assert shared.space.device
    found = {peer.public_key for peer in shared.space.device.peers}
    return {name for name, key in KEYS.items() if Key.from_base64(key) in found}


async def test_server_s_file_makes_a_hub_without_nat(host: LiveHost) -> None:
    write(host, phone="")
    shared = await hub(host)
    assert shared.space.plan
    assert (shared.space.plan.nat, shared.space.plan.hub) == (False, True)
    assert shared.routes() == {"172.20.0.0/16", "10.99.0.0/24 via 172.20.0.1"}


async def test_peer_that_is_added_changes_no_route(host: LiveHost) -> None:
    write(host, phone="")
    shared = await hub(host)
    before, routes = shared.space.plan, shared.items()
    write(host, phone="", tablet="")
    await soon()
    assert peers(shared) == {"phone", "tablet"}
    assert shared.space.plan == before
    assert shared.items() == routes


async def test_peer_ends_when_its_note_says_so(host: LiveHost) -> None:
    date = "1970-01-12T14:05:00Z"
    write(host, phone=f"expires={date}", tablet="")
    shared = await hub(host)
    assert host.clock.wall() < 1_001_100
    assert peers(shared) == {"phone", "tablet"}
    await asyncio.sleep(1_001_100 - host.clock.wall() - 1)
    assert peers(shared) == {"phone", "tablet"}
    await asyncio.sleep(3)
    assert peers(shared) == {"tablet"}


async def test_peer_ends_while_the_file_has_a_mistake(host: LiveHost) -> None:
    date = "1970-01-12T14:05:00Z"
    write(host, phone=f"expires={date}", tablet="")
    shared = await hub(host)
    write(host, phone="expire=never", tablet="")
    await asyncio.sleep(1_001_100 - host.clock.wall() + 2)
    assert peers(shared) == {"tablet"}


async def test_peer_that_has_expired_is_not_on_a_new_device(host: LiveHost) -> None:
    write(host, phone="expires=1970-01-02", tablet="")
    assert peers(await hub(host)) == {"tablet"}


async def test_limit_is_kept_and_follows_edits(host: LiveHost) -> None:
    write(host, phone="", tablet="reach=172.20.0.2/32:tcp/80")
    shared = await hub(host)
    assert shared.space.plan
    (limit,) = shared.space.plan.limits
    assert limit.sources == (ip_network(ADDRESSES["tablet"]),)
    write(host, phone="", tablet="")
    await soon()
    assert shared.space.plan.limits == ()


async def test_mistake_in_a_note_changes_nothing_and_is_told(host: LiveHost) -> None:
    write(host, phone="", tablet="reach=172.20.0.2/32:tcp/80")
    shared = await hub(host)
    before = shared.space.plan
    write(host, phone="", tablet="reech=172.20.0.2/32:tcp/80")
    await soon()
    assert shared.space.plan == before
    assert "net.conf:10:" in shared.router.error
    assert Code.BAD_NOTE in shared.router.error


async def test_limit_needs_a_router(host: LiveHost) -> None:
    write(host, phone="reach=172.20.0.2/32")
    with pytest.raises(PluginError) as caught:
        await host.create_network("n1", "net")
    assert caught.value.code is Code.NEEDS_ROUTER


async def test_names_are_served_at_the_network_s_gateway_as_long_as_the_router_is_there(
    host: LiveHost,
) -> None:
    write(host, phone="")
    shared = await hub(host)
    await soon()
    assert shared.space.listening == (frozenset({ip_address("172.20.0.1")}), 53)


async def test_names_are_served_by_hubs_alone(host: LiveHost) -> None:
    write(host, interface="", phone="")
    shared = await hub(host)
    await soon()
    assert shared.space.listening[0] == frozenset()


async def test_names_that_cannot_be_served_are_told_and_tried_again(host: LiveHost) -> None:
    write(host, phone="")
    host.routers.failing.add("listen")
    shared = await hub(host)
    await soon()
    assert "listen fails" in shared.router.error
    assert peers(shared) == {"phone"}
    host.routers.failing.clear()
    await asyncio.sleep(60)
    assert shared.router.error == ""
    assert shared.space.listening[1] == 53


async def test_peer_that_dials_in_may_be_away(host: LiveHost) -> None:
    write(host, phone="")
    shared = await hub(host)
    device = shared.space.device
    assert device
    (peer,) = device.peers
    for sent in range(0, 60_000, 1000):
        shared.space.device = replace(device, peers=(replace(peer, sent=sent),))
        await asyncio.sleep(1)
    assert shared.router.status().health == "never"


async def test_status_has_the_peers_names(host: LiveHost) -> None:
    write(host, phone="", tablet="")
    shared = await hub(host)
    await asyncio.sleep(60)
    assert {peer.name for peer in shared.router.status().peers} == {"phone", "tablet"}
