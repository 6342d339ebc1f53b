"""The host is kept in line with what is published, and what is in the way is told once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import TIMINGS, LiveHost, logged_once, soon
from tests.networks.live.publishing import Publishing, a_notice
from wgplugin.codes import Code

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["container", "shared"])
def ports(request: Any, host: LiveHost) -> Publishing:
    return Publishing(host, request.param)


# Kept in line


@pytest.mark.parametrize("number", [0, 1])
async def test_start_of_the_plugin_brings_the_host_in_line(host: LiveHost, number: int) -> None:
    ports = Publishing(host, "container")
    await ports.start("e1", *["8080:80"][:number])
    async with host.started_anew("10.0.0.0/8"):
        before = host.publishing.publishes
        host.publishing.published = ()
        await soon()
        assert host.publishing.publishes > before
        assert list(host.publishing.ports) == ["8080/tcp"][:number]


async def test_ports_outlive_the_plugin(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    before = ports.host.publishing.published
    async with ports.host.started_anew("10.0.0.0/8"):
        assert ports.host.publishing.published == before
        await soon()
        assert ports.host.publishing.published == before


async def test_ports_of_an_endpoint_that_is_gone_are_taken_off_the_host_at_the_start(
    ports: Publishing,
) -> None:
    await ports.start("e1", "8080:80")
    await ports.host.store.endpoints.remove("e1")
    async with ports.host.started_anew("10.0.0.0/8"):
        await soon()
        assert (ports.host.publishing.ports, ports.links()) == ({}, set())


async def test_ports_that_a_firewall_flushed_are_published_again(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    before = ports.host.publishing.ports
    ports.host.publishing.flush()
    await a_notice()
    assert ports.host.publishing.ports == before


async def test_link_that_somebody_deletes_is_made_and_published_again(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    before = ports.host.publishing.ports
    for place in ports.host.places():
        place.links.clear()
        place.give_notice()
    ports.host.publishing.give_notice()
    await a_notice()
    assert ports.host.publishing.ports == before


async def test_many_notices_lead_to_few_looks(host: LiveHost) -> None:
    await Publishing(host, "container").start("e1", "8080:80")
    await a_notice()
    before = host.publishing.publishes
    for _ in range(1000):
        host.publishing.give_notice()
        await asyncio.sleep(0.01)
    assert host.publishing.publishes - before <= 11


async def test_published_ports_cost_nothing_at_rest(ports: Publishing) -> None:
    await ports.start("e1", "8080:80")
    await asyncio.sleep(600.0)
    before = ports.host.publishing.publishes
    await asyncio.sleep(600.0)
    assert ports.host.publishing.publishes == before


async def test_notices_are_followed_as_long_as_there_are_ports(ports: Publishing) -> None:
    await ports.start("e1")
    assert not ports.host.publishing.is_followed
    await ports.start("e2", "8080:80")
    await a_notice()
    assert ports.host.publishing.is_followed
    await ports.stop("e2")
    await a_notice()
    assert not ports.host.publishing.is_followed


async def test_plugin_that_ends_follows_no_notices(tmp_path: Path) -> None:
    running = asyncio.all_tasks()
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        await Publishing(host, "container").start("e1", "8080:80")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == running


async def test_ports_are_kept_though_notices_fail(ports: Publishing) -> None:
    ports.host.publishing.failing.add("changed")
    await ports.start("e1", "8080:80")
    before = ports.host.publishing.ports
    for _ in range(2):
        ports.host.publishing.flush()
        await asyncio.sleep(2 * TIMINGS.observe)
        assert ports.host.publishing.ports == before


async def test_link_that_is_made_again_is_published_though_notices_fail(host: LiveHost) -> None:
    ports = Publishing(host, "container")
    host.publishing.failing.add("changed")
    await ports.start("e1", "8080:80")
    await soon()
    before = host.publishing.ports
    host.publishing.flush()
    ports.inside("e1").links.clear()
    ports.inside("e1").give_notice()
    await soon()
    assert host.publishing.ports == before


# What is in the way


async def test_host_that_cannot_publish_is_in_the_status_and_tried_again(
    ports: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    ports.host.publishing.failing.add("publish")
    with logged_once(caplog, "published ports: not set up: publish fails [WG415]"):
        await ports.start("e1", "8080:80")
        await ports.start("e2")
        assert "publish fails" in await ports.error("e1")
        assert await ports.error("e2") == ""
    ports.host.publishing.failing.clear()
    await asyncio.sleep(TIMINGS.retry_longest)
    assert list(ports.host.publishing.ports) == ["8080/tcp"]
    assert await ports.error("e1") == ""


async def test_container_s_start_is_worth_an_attempt_though_they_have_become_rare(
    ports: Publishing,
) -> None:
    ports.host.publishing.failing.add("publish")
    await ports.start("e1", "8080:80")
    await asyncio.sleep(320.0)
    ports.host.publishing.failing.clear()
    await ports.start("e2", "8081:80")
    assert list(ports.host.publishing.ports) == ["8080/tcp", "8081/tcp"]


async def test_container_does_not_wait_for_a_host_that_cannot_publish(host: LiveHost) -> None:
    host.publishing.failing.add("publish")
    before = host.clock.monotonic()
    await Publishing(host, "container").start("e1", "8080:80")
    assert host.clock.monotonic() - before < 1.0


async def test_container_starts_though_the_host_does_not_answer(
    ports: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    await soon()
    ports.host.publishing.hanging.add("publish")
    before = ports.host.clock.monotonic()
    await ports.start("e1", "8080:80")
    assert ports.host.clock.monotonic() - before <= TIMINGS.set_up + 1
    assert "the container starts without it" not in caplog.text


async def test_firewall_that_is_closed_is_told_once_and_in_the_status(
    ports: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    ports.host.publishing.closed = "type this"
    with logged_once(caplog, "published ports: type this [WG414]"):
        await ports.start("e1", "8080:80")
        await ports.start("e2", "8081:80")
        await ports.start("e3")
        await asyncio.sleep(100.0)
    for name, error in (("e1", "type this [WG414]"), ("e2", "type this [WG414]"), ("e3", "")):
        assert await ports.error(name) == error
    ports.host.publishing.closed = ""
    ports.host.publishing.give_notice()
    await a_notice()
    assert await ports.error("e1") == ""


async def test_port_that_another_program_has_taken_is_told_once_and_in_its_container_s_status(
    ports: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    await ports.start("e1", "8080:80", "8082:80")
    await ports.start("e2", "8081:80")
    with logged_once(caplog, "port 8080/tcp of the host: used by another program, which keeps it"):
        ports.host.publishing.listening.add(("tcp", 8080))
        ports.host.publishing.give_notice()
        await a_notice()
        ports.host.publishing.give_notice()
        await a_notice()
    assert (await ports.error("e1")).endswith(f"[{Code.NOT_PUBLISHED}]")
    assert await ports.error("e2") == ""
    ports.host.publishing.listening.add(("tcp", 8082))
    ports.host.publishing.give_notice()
    await a_notice()
    assert "ports 8080/tcp, 8082/tcp of the host" in await ports.error("e1")
    ports.host.publishing.listening.clear()
    await asyncio.sleep(TIMINGS.retry_longest + 1)
    assert await ports.error("e1") == ""


async def test_change_of_what_is_published_is_logged(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    with logged_once(caplog, "published ports: ports"):
        await Publishing(host, "container").start("e1", "8080:80")
        await a_notice()
