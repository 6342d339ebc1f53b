"""A configuration serves one container, and no crash of anybody leaves anything behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Host
from tests.loops import LoopWithoutThreads
from wgplugin.conf.folder import ConfigFolder, Files
from wgplugin.docker import protocol
from wgplugin.errors import PluginError
from wgplugin.model.identity import device_name


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    return host


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


def test_start_drops_an_endpoint_whose_creation_was_cut_short(host: Host) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    host.backend.devices.clear()
    host.clock.advance(1.0)
    host.start()
    assert asyncio.run(host.upkeep.reconcile())
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
def test_container_that_is_refused_leaves_neither_device_nor_claim(host: Host, method: str) -> None:
    host.backend.failing = {method}
    with pytest.raises(PluginError, match=rf"home\.conf: {method} fails"):
        asyncio.run(host.create_endpoint("n1", "e1"))
    assert host.backend.devices == {}
    assert not list(host.store.endpoints)


def test_container_that_is_refused_is_told_what_failed_first(host: Host) -> None:
    host.backend.failing = {"create", "delete"}
    with pytest.raises(PluginError, match="create fails"):
        asyncio.run(host.create_endpoint("n1", "e1"))


def cancelled(call: Coroutine[Any, Any, object]) -> None:
    """Run a call that hangs, and cancel it as at its deadline."""

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await call

    asyncio.run(run())


@pytest.mark.parametrize("method", ["create", "configure"])
def test_attachment_that_is_cancelled_leaves_neither_device_nor_claim(
    host: Host, method: str
) -> None:
    host.backend.hanging = {method}
    cancelled(host.create_endpoint("n1", "e1"))
    assert host.backend.devices == {}
    assert not list(host.store.endpoints)


@pytest.mark.parametrize("method", ["create", "configure", "delete", "locations", "path_mtu"])
def test_join_hands_over_the_device_whatever_fails_by_then(host: Host, method: str) -> None:
    asyncio.run(host.create_endpoint("n1", "e1"))
    (host.folder / "home.conf").unlink()
    host.backend.failing = {method}
    assert asyncio.run(host.join("n1", "e1")).interface_name.src_name == device_name("e1")


def test_attachment_that_comes_twice_leaves_the_device_in_its_container(host: Host) -> None:
    host.run("n1", "e1")
    before = host.store.endpoints.get("e1")
    asyncio.run(host.create_endpoint("n1", "e1"))
    assert host.backend.devices == {}
    assert host.store.endpoints.get("e1") == before


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

    async def read_late(self: ConfigFolder, name: str) -> Files:
        await host.delete_network("n1")
        return await read(self, name)

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


def test_configuration_that_is_tried_for_one_endpoint_is_refused_to_others(host: Host) -> None:
    for name in ("work", "spare"):
        host.write(name)
        asyncio.run(host.create_network(name, name))
    host.run("n1", "e1")
    host.run("work", "e2")
    endpoints = host.upkeep._endpoints
    first, second = endpoints.get("e1"), endpoints.get("e2")
    assert first
    assert second
    with endpoints.trying(first, "spare"):
        assert endpoints.holder("spare", "e2", "work") == first
        assert endpoints.holder("spare", "e1", "n1") is None
        with pytest.raises(PluginError, match="configuration spare is in use by endpoint e1"):
            asyncio.run(host.attach("spare", "e3"))
        with pytest.raises(PluginError, match="in use"):
            asyncio.run(endpoints.switch(second, "spare", "by the test"))
        with pytest.raises(PluginError, match="in use"), endpoints.trying(second, "spare"):
            pass
        asyncio.run(endpoints.switch(first, "spare", "by the test"))
    with pytest.raises(PluginError, match="in use"), endpoints.trying(second, "spare"):
        pass


def test_both_configurations_of_a_switch_are_claimed_until_the_former_is_released(
    host: Host,
) -> None:
    host.write("work")
    asyncio.run(host.create_network("work", "work"))
    host.run("n1", "e1")
    endpoints = host.upkeep._endpoints
    before = endpoints.get("e1")
    assert before
    switched = asyncio.run(endpoints.switch(before, "work", "home is down"))
    assert (switched.configuration, switched.former, switched.why) == (
        "work",
        ("home",),
        "home is down",
    )
    assert switched.since == host.clock.wall()
    for network in ("n1", "work"):
        with pytest.raises(PluginError, match="in use"):
            asyncio.run(host.attach(network, "e2"))
    released = asyncio.run(endpoints.release(switched))
    assert released == endpoints.get("e1")
    assert released.claims == {"work"}
    asyncio.run(host.attach("n1", "e2"))
