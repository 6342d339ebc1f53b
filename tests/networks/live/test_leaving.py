"""A container that loses its tunnel stays closed, or is opened, as its user wants."""

from __future__ import annotations

import asyncio
import gc
from ipaddress import ip_network

import pytest

from tests.hosts import KEY, OWNER, TIMINGS, LiveHost, logged_once, soon
from tests.memory_containers import Namespace
from wgplugin.conf.folder import Files
from wgplugin.model.identity import device_name
from wgplugin.model.namespace import OtherNetwork

pytestmark = pytest.mark.anyio

BRIDGE = OtherNetwork("eth0", frozenset({ip_network("192.0.2.0/24")}))
OTHER_KEY = "/var/run/docker/netns/ba9876543210"


async def test_leave_takes_all_out_if_it_shall_and_a_later_edit_puts_nothing_back(
    host: LiveHost,
) -> None:
    await host.start_container(disconnect="open")
    host.edit("0.0.0.0/0")
    await asyncio.sleep(TIMINGS.still)
    await host.leave()
    host.edit("10.1.0.0/16")
    await soon()
    assert not host.inside.routing
    assert not host.inside.firewalls
    assert not host.live.tunnels
    assert not host.inside.open


async def test_container_that_is_disconnected_stays_closed(host: LiveHost) -> None:
    host.edit("0.0.0.0/0", "DNS = 10.64.0.1")
    await host.start_container()
    await host.leave()
    assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}
    assert host.inside.firewalls[OWNER].closed
    assert not host.live.tunnels
    assert not host.inside.open


async def test_container_that_is_disconnected_stays_closed_though_its_file_was_broken(
    host: LiveHost,
) -> None:
    """The plugin started anew meanwhile, and never knew what the tunnel was to be."""
    host.edit("0.0.0.0/0")
    await host.start_container(disconnect="open")
    async with host.started_anew("broken"):
        await soon()
        await host.leave()
    assert host.routes("unreachable") == {"0.0.0.0/0", "::/0"}


async def test_container_with_another_tunnel_for_the_prefixes_goes_on_with_that(
    host: LiveHost,
) -> None:
    await host.start_container()
    (host.folder / "full.conf").write_text(host.text.replace("10.0.0.0/8", "0.0.0.0/0"))
    await host.create_network("n2", "full")
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", KEY)
    await host.leave()
    assert host.routes("unreachable") == set()
    assert OWNER not in host.inside.firewalls


async def test_container_that_is_connected_again_is_what_its_file_says(host: LiveHost) -> None:
    host.edit("0.0.0.0/0")
    await host.start_container()
    await host.leave()
    await host.delete_endpoint("e1")
    host.edit("10.0.0.0/8")
    await host.create_endpoint("n1", "e2")
    await host.join("n1", "e2", KEY)
    host.inside.bring(device_name("e2"))
    await soon()
    assert host.routes() == {"10.0.0.0/8"}
    assert host.routes("unreachable") == {"10.0.0.0/8"}
    assert not host.inside.firewalls[OWNER].closed


async def test_leave_that_the_kernel_refuses_is_logged_and_leaves_the_tunnel_s_blocks(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.edit(interface="DNS = 10.64.0.1")
    await host.start_container()
    host.containers.failing.add("apply_firewall")
    await host.leave()
    assert "apply_firewall fails" in caplog.text
    assert host.routes("unreachable") == {"10.0.0.0/8"}
    assert not host.inside.open


async def test_leave_that_cannot_open_the_container_is_logged(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container(disconnect="open")
    host.containers.failing.add("clear")
    await host.leave()
    assert "clear fails" in caplog.text
    assert not host.inside.open


async def test_leave_changes_nothing_where_the_tunnel_s_blocks_are_all_that_closes(
    host: LiveHost,
) -> None:
    await host.start_container()
    await soon()
    before = set(host.inside.routing), dict(host.inside.firewalls)
    await host.leave()
    assert (host.inside.routing, host.inside.firewalls) == before


async def test_leave_that_is_repeated_waits_for_the_one_before(host: LiveHost) -> None:
    host.edit(interface="DNS = 10.64.0.1")
    await host.start_container()
    host.containers.hanging.add("apply_firewall")
    leaving = asyncio.create_task(host.leave())
    await asyncio.sleep(1.0)
    leaving.cancel()
    assert host.inside.open
    await host.leave()
    assert not host.inside.open


async def test_leave_goes_on_though_it_is_repeated_and_broken_off_each_time(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container(disconnect="open")
    host.containers.hanging.add("clear")
    for _ in range(2):
        leaving = asyncio.create_task(host.leave())
        await asyncio.sleep(1.0)
        leaving.cancel()
    await asyncio.sleep(10.0)
    assert "clear isn't answered" in caplog.text


async def test_tunnel_that_comes_waits_for_the_end_of_the_one_before(host: LiveHost) -> None:
    host.edit(interface="DNS = 10.64.0.1")
    await host.start_container()
    host.containers.slow.add("apply_firewall")
    leaving = asyncio.create_task(host.leave())
    await asyncio.sleep(1.0)
    leaving.cancel()
    host.containers.slow.clear()
    await host.enter()
    host.move()
    await asyncio.sleep(20.0)
    assert not host.inside.firewalls[OWNER].closed


async def test_tunnels_of_a_container_can_leave_at_the_same_time(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    (host.folder / "other.conf").write_text(host.text.replace("10.", "172."))
    await host.start_container()
    await host.create_network("n2", "other")
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", KEY)
    await asyncio.gather(host.leave(), host.delete_endpoint("e2"))
    assert not host.inside.open
    assert "Error" not in caplog.text


async def test_container_that_stays_closed_is_told_of(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    with logged_once(caplog, "a container that goes on stays closed"):
        await host.leave()


async def test_closed_container_still_reaches_its_other_networks(host: LiveHost) -> None:
    await host.start_container()
    host.inside.connect(BRIDGE)
    await soon()
    await host.leave()
    assert host.inside.known[OWNER] == {BRIDGE}


async def test_search_for_a_peer_ends_when_its_tunnel_leaves(host: LiveHost) -> None:
    host.put("resolve-timeout: 20", "wgplugin.yaml")
    host.edit(endpoint="vpn.example.test:51820")
    await host.start_container()
    host.names.late.clear()
    await asyncio.sleep(15.0)
    assert host.names.asked == 1
    await host.leave()
    await asyncio.sleep(0)
    assert host.names.asked == 0


async def test_join_after_a_leave_does_not_wait_for_a_container_that_is_to_come(
    host: LiveHost,
) -> None:
    await host.start_container()
    await host.leave()
    del host.containers.namespaces[KEY]
    await host.enter()
    await asyncio.wait_for(host.oper_info(), 0.1)


def files_in_memory() -> int:
    gc.collect()
    return sum(isinstance(each, Files) for each in gc.get_objects())


async def test_endpoint_that_is_deleted_before_its_join_leaves_no_key_in_memory(
    host: LiveHost,
) -> None:
    before = files_in_memory()
    await host.create()
    assert files_in_memory() == before + 1
    await host.delete_endpoint("e1")
    assert files_in_memory() == before


async def test_join_into_another_container_lets_go_of_the_one_before(host: LiveHost) -> None:
    await host.start_container()
    host.containers.namespaces[OTHER_KEY] = Namespace()
    await host.join("n1", "e1", OTHER_KEY)
    assert not host.inside.open
    assert len(host.containers.namespaces[OTHER_KEY].open) == 1


async def test_join_that_is_repeated_keeps_the_container_open_once(host: LiveHost) -> None:
    await host.start_container()
    await host.enter()
    await host.oper_info()
    assert len(host.inside.open) == 1
    host.edit("10.1.0.0/16")
    await soon()
    assert host.routes() == {"10.1.0.0/16"}
