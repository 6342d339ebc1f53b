"""The running plugin clears up at its start, and once more when all that was unclear is settled."""

import asyncio
import itertools
import socket
from pathlib import Path

import pytest
import uvicorn.server

from tests.memory_backend import MemoryBackend
from tests.serving import Client
from tests.test_driver import Host
from wgplugin import server
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker.driver import Driver
from wgplugin.docker.http import create_app
from wgplugin.networks.claims import device_name
from wgplugin.networks.resolver import Resolver
from wgplugin.state.boottime import Moment
from wgplugin.state.store import Store

EARLY, LATE = Moment("boot", 1001.0), Moment("boot", 2000.0)


def test_endpoint_that_was_settling_at_the_start_is_dropped_when_it_never_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path)
    host.write("home")
    asyncio.run(host.create_network("n1", "home"))
    asyncio.run(host.attach("n1", "e1"))

    # The plugin's start and its first look are early.
    times = itertools.chain([EARLY, EARLY], itertools.repeat(LATE))
    store = Store(tmp_path / "state")
    driver = Driver(ConfigFolder(tmp_path), store, host.backend, Resolver(), lambda: next(times))
    monkeypatch.setattr(server, "SETTLING", 0.01)

    async def serve() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            listener.listen()
            serving = asyncio.create_task(server.Server(create_app(driver), driver).serve(listener))
            async with asyncio.timeout(30):
                while list(store.endpoints):
                    await asyncio.sleep(0.01)
            serving.cancel()
            await asyncio.wait([serving])

    assert device_name("e1") in host.backend.devices
    asyncio.run(serve())
    assert not host.backend.devices


def test_server_does_nothing_until_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tick(self: uvicorn.server.Server, counter: int) -> bool:
        raise AssertionError("the server woke up without a call")

    monkeypatch.setattr(uvicorn.server.Server, "on_tick", tick)
    driver = Driver(ConfigFolder(tmp_path), Store(tmp_path / "state"), MemoryBackend(), Resolver())

    async def serve() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            listener.listen()
            serving = asyncio.create_task(server.Server(create_app(driver), driver).serve(listener))
            answer = await asyncio.to_thread(Client(tmp_path / "socket").call, "Plugin.Activate")
            assert answer == (200, {"Implements": ["NetworkDriver"]})
            assert not serving.done()
            serving.cancel()
            await asyncio.wait([serving])

    asyncio.run(serve())
