"""The live edition's work goes on while Docker's calls wait for the kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hosts import KEY, NULL_POOL, TIMINGS, LiveHost
from tests.memory_containers import Namespace
from wgplugin.conf.settings import Settings
from wgplugin.docker import protocol
from wgplugin.model.namespace import Plan

pytestmark = pytest.mark.anyio


async def test_tunnels_are_looked_after_while_another_one_joins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    host.containers.namespaces[KEY] = Namespace()
    block_exits, settings = host.containers.block_exits, host.live._services.folder.settings
    begun, looks = asyncio.Event(), asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()

    async def slowly(key: str, plan: Plan) -> bool:
        begun.set()
        for _ in range(3):
            await looks.acquire()
        return await block_exits(key, plan)

    def look() -> Settings:
        if begun.is_set():
            loop.call_soon_threadsafe(looks.release)
        return settings()

    await host.create()
    monkeypatch.setattr(host.containers, "block_exits", slowly)
    monkeypatch.setattr(host.live._services.folder, "settings", look)
    keeping = asyncio.create_task(host.live.run())
    await asyncio.sleep(0)
    joining = asyncio.create_task(host.enter())
    await asyncio.wait({joining, keeping}, return_when=asyncio.FIRST_COMPLETED)
    assert joining.done()
    assert not keeping.done()
    keeping.cancel()
    await host.leave()


async def test_second_tunnel_is_not_waited_for_while_the_container_is_to_come(
    tmp_path: Path,
) -> None:
    """All of the second one's routes are the first one's, so Docker is given none of them."""
    host = LiveHost(tmp_path)
    host.edit()
    (host.folder / "net2.conf").write_text(host.text.replace("10.8.0.2/32", "10.8.0.3/32"))
    await host.create()
    await host.create_network("n2", "net2", NULL_POOL)
    await host.create_endpoint("n2", "e2")
    await host.enter()
    assert (await host.join("n2", "e2", KEY)).static_routes == ()
    asked = protocol.EndpointRequest(network_id="n2", endpoint_id="e2")
    await asyncio.wait_for(host.driver.endpoint_oper_info(asked), TIMINGS.set_up / 2)
