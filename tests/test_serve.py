"""The running plugin clears up at its start, and once more when all that was unclear is settled."""

import asyncio
import socket
from pathlib import Path

import pytest
import uvicorn.server

from tests.clocks import SetClock
from tests.hosts import Host
from tests.memory_host import MemoryHost
from tests.serving import Client
from wgplugin import serve
from wgplugin.clock import Moment
from wgplugin.conf.folder import ConfigFolder
from wgplugin.model.identity import device_name
from wgplugin.networks.insides import NoInsides
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings


class LateClock(SetClock):
    """Tells at the plugin's start and first look that it is early, and later that it is late."""

    def moment(self) -> Moment:
        self.seconds += 0.3
        return Moment("boot", self.seconds)


def test_endpoint_that_was_settling_at_the_start_is_dropped_when_it_never_settles(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    asyncio.run(host.attach("n1", "e1"))

    # The plugin's start and its first look are early.
    store = Store(tmp_path / "state")
    plugin = assemble(
        ConfigFolder(tmp_path),
        store,
        host.backend,
        Resolver(),
        clock=LateClock(),
        timings=Timings(settling=0.5),
    )

    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            listener.listen()
            serving = asyncio.create_task(serve.serve(plugin, listener))
            async with asyncio.timeout(30):
                while list(store.endpoints):
                    await asyncio.sleep(0.01)
            serving.cancel()
            await asyncio.wait([serving])

    assert device_name("e1") in host.backend.devices
    asyncio.run(run())
    assert not host.backend.devices


async def activated(folder: Path) -> tuple[int, object]:
    """Serve a plugin until it has answered a call; return its answer."""
    plugin = assemble(ConfigFolder(folder), Store(folder / "state"), MemoryHost(), Resolver())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen()
        serving = asyncio.create_task(serve.serve(plugin, listener))
        answer = await asyncio.to_thread(Client(folder / "socket").call, "Plugin.Activate")
        assert not serving.done()
        serving.cancel()
        await asyncio.wait([serving])
        return answer


def test_server_does_nothing_until_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tick(self: uvicorn.server.Server, counter: int) -> bool:
        raise AssertionError("the server woke up without a call")

    monkeypatch.setattr(uvicorn.server.Server, "on_tick", tick)
    answer = asyncio.run(activated(tmp_path))
    assert answer == (200, {"Implements": ["NetworkDriver"]})


def test_end_of_the_upkeep_is_logged_and_calls_are_served_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: NoInsides) -> None:
        raise RuntimeError("a mistake in the plugin")

    monkeypatch.setattr(NoInsides, "run", fail)
    assert asyncio.run(activated(tmp_path))[0] == 200
    assert "the upkeep failed unexpectedly [WG503]" in caplog.text
    assert "a mistake in the plugin" in caplog.text
