"""The live edition's tunnels outlive the plugin, and calls of Docker's that never come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hosts import DEVICE, KEY, TIMINGS, LiveHost, logged_once, soon
from tests.memory_containers import Namespace
from wgplugin.codes import Code
from wgplugin.docker import protocol
from wgplugin.errors import StoreError

pytestmark = pytest.mark.anyio


async def test_tunnel_is_taken_up_by_a_new_plugin_with_what_was_edited_meanwhile(
    host: LiveHost,
) -> None:
    await host.start_container()
    async with host.started_anew("0.0.0.0/0"):
        await soon()
        assert host.routes() == {"0.0.0.0/0", "::/0"}


async def test_endpoint_that_is_dropped_without_a_word_is_forgotten(host: LiveHost) -> None:
    await host.start_container(disconnect="open")
    await host.driver.delete_network(protocol.NetworkRequest(network_id="n1"))
    await asyncio.sleep(2 * TIMINGS.observe)
    assert not host.inside.routing
    assert not host.inside.open
    assert not host.live.tunnels


async def test_join_succeeds_though_it_cannot_be_remembered(
    host: LiveHost, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(record: object) -> None:
        raise StoreError(Code.STATE_NOT_WRITTEN, "no space is left")

    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    monkeypatch.setattr(host.store.endpoints, "put", refuse)
    assert (await host.enter()).interface_name.src_name == DEVICE
    assert "no space is left" in caplog.text
    await host.leave()


async def test_join_succeeds_though_the_file_is_gone(host: LiveHost) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    (host.folder / "net.conf").unlink()
    await host.enter()
    host.move()
    await host.oper_info()
    assert host.routes() == {"10.0.0.0/8"}


async def test_tunnel_that_is_taken_up_is_put_in_line_once(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    with logged_once(caplog, "reloaded: "):
        async with host.started_anew("10.0.0.0/8"):
            await asyncio.sleep(60.0)


async def test_call_that_comes_before_the_plugin_s_own_work_is_not_taken_for_an_old_one(
    tmp_path: Path,
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    await host.create()
    assert (await host.enter()).static_routes
    async with host.kept():
        host.containers.namespaces[KEY] = Namespace()
        host.move()
        await soon()
        assert not host.routes()
        host.give_docker_s_routes()
        await soon()
        assert host.routes() == {"10.0.0.0/8"}


async def test_endpoint_that_has_not_joined_is_no_tunnel_of_a_new_plugin(host: LiveHost) -> None:
    await host.create()
    async with host.started_anew("10.0.0.0/8"):
        await soon()
        assert not host.live.tunnels


async def test_tunnel_that_starts_is_set_up_once_and_not_reloaded(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    with logged_once(caplog, "set up: "):
        await host.start_container()
        await asyncio.sleep(60.0)
    assert "reloaded" not in caplog.text


async def test_tunnel_that_is_edited_before_it_is_there_is_set_up(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.containers.namespaces[KEY] = Namespace()
    await host.create()
    await host.enter()
    host.edit("10.1.0.0/16")
    await soon()
    with logged_once(caplog, "set up: "):
        host.move()
        await host.oper_info()
    assert "reloaded" not in caplog.text


async def test_device_keeps_the_mtu_that_it_was_made_with(host: LiveHost) -> None:
    await host.start_container()
    assert DEVICE not in host.inside.mtus


async def test_edit_is_in_force_at_once_though_attempts_have_become_rare(host: LiveHost) -> None:
    await host.start_container()
    host.containers.failing.add("apply")
    host.inside.give_notice()
    await asyncio.sleep(650.0)
    host.containers.failing.clear()
    host.edit("10.1.0.0/16")
    await asyncio.sleep(2 * TIMINGS.still)
    assert host.routes() == {"10.1.0.0/16"}


async def test_docker_s_routes_are_waited_for_though_the_file_was_broken_at_the_join(
    host: LiveHost,
) -> None:
    await host.create()
    async with host.started_anew("broken"):
        assert (await host.enter()).static_routes
        host.edit("10.0.0.0/8")
        host.containers.namespaces[KEY] = Namespace()
        host.move()
        await soon()
        assert not host.routes()
        host.give_docker_s_routes()
        await soon()
        assert host.routes() == {"10.0.0.0/8"}


@pytest.mark.parametrize("steps", range(1, 12))
async def test_join_that_is_broken_off_after_a_restart_leaves_nothing(
    host: LiveHost, steps: int
) -> None:
    """The plugin doesn't know any more what the device was made with, and reads the files."""
    await host.create()
    host.containers.namespaces[KEY] = Namespace()
    async with host.started_anew("10.0.0.0/8"):
        joining = asyncio.create_task(host.enter())
        for _ in range(steps):
            await asyncio.sleep(0)
        if not joining.done():
            joining.cancel()
            await soon()
            assert not host.live.tunnels
            assert not host.inside.routing
            assert not host.inside.open


@pytest.mark.parametrize("steps", range(1, 8))
async def test_tunnel_that_leaves_while_the_plugin_starts_is_not_looked_after(
    host: LiveHost, steps: int
) -> None:
    (host.folder / "other.conf").write_text(host.text.replace("10.", "172."))
    await host.start_container()
    await host.create_network("n2", "other")
    await host.create_endpoint("n2", "e2")
    await host.join("n2", "e2", KEY)
    async with host.started_anew("10.0.0.0/8"):
        for _ in range(steps):
            await asyncio.sleep(0)
        await host.leave()
        await asyncio.sleep(TIMINGS.young)
        host.containers.calls.clear()
        await asyncio.sleep(10 * TIMINGS.observe)
        assert host.containers.calls.count("observe") <= 11


async def test_containers_are_let_go_of_though_notices_of_mounts_failed(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.start_container()
    inside = host.inside
    host.containers.failing.add("mounts")
    del host.containers.namespaces[KEY]
    await asyncio.sleep(TIMINGS.observe + 1)
    assert not inside.open
    await asyncio.sleep(60.0)
    assert len([line for line in caplog.messages if "mounts fails" in line]) <= 8
    host.containers.failing.clear()
    host.containers.namespaces[KEY] = Namespace()
    host.move()
    await asyncio.sleep(2 * TIMINGS.observe)
    assert host.routes() == {"10.0.0.0/8"}


async def test_kernel_that_cannot_stop_frames_is_told_of_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = LiveHost(tmp_path)
    host.containers.stops_frames = False
    with logged_once(caplog, "this kernel can't stop frames"):
        async with host.kept():
            await soon()


async def test_many_mounts_lead_to_few_looks(host: LiveHost) -> None:
    await host.create()
    await host.enter()
    host.containers.calls.clear()
    for _ in range(100):
        host.containers.namespaces["/var/run/docker/netns/1"] = Namespace()
        await asyncio.sleep(TIMINGS.glance / 10)
    assert 5 <= host.containers.calls.count("open") <= 15


async def test_plugin_that_ends_leaves_nothing_running(tmp_path: Path) -> None:
    running = asyncio.all_tasks()
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await host.start_container()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == running


async def test_plugin_that_ends_leaves_no_container_open_and_all_in_place(host: LiveHost) -> None:
    await host.start_container()
    before = set(host.inside.routing)
    async with host.started_anew("10.1.0.0/16"):
        pass
    assert not host.inside.open
    assert host.inside.routing == before
