"""The live edition's work goes on while Docker's calls wait for the kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hosts import KEY, NULL_POOL, OTHER_SANDBOX, TIMINGS, LiveHost, soon
from tests.memory_containers import Namespace
from wgplugin.docker import protocol

pytestmark = pytest.mark.anyio


async def test_tunnels_are_looked_after_while_another_one_joins(tmp_path: Path) -> None:
    host = LiveHost(tmp_path)
    host.edit()
    (host.folder / "net2.conf").write_text(host.text.replace("10.8.0.2/32", "10.8.0.3/32"))
    async with host.kept():
        await host.start_container()
        host.containers.namespaces[OTHER_SANDBOX] = Namespace(hangs=True)
        await host.create_network("n2", "net2", NULL_POOL)
        await host.create_endpoint("n2", "e2")
        joining = asyncio.create_task(host.join("n2", "e2", OTHER_SANDBOX))
        await asyncio.sleep(0)
        host.edit("10.1.0.0/16")
        await soon()
        assert host.routes() == {"10.1.0.0/16"}
        assert not joining.done()
        await joining


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
