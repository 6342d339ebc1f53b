"""The plugin's own calls, as they go over the wire: what asks gets an answer, or a reason."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.memory_host import MemoryHost
from tests.serving import Client, serving
from wgplugin.codes import Code
from wgplugin.conf.folder import ConfigFolder
from wgplugin.docker.http import create_app
from wgplugin.errors import PluginError
from wgplugin.networks.insides import NoInsides
from wgplugin.networks.resolver import Resolver
from wgplugin.plugin import assemble
from wgplugin.state.store import Store
from wgplugin.timings import Timings

ENDPOINT_ID = "0a1b" * 16


class Insides(NoInsides):
    """Waits as long as it is told to, and can't switch to one configuration."""

    def __init__(self) -> None:
        self.waiting, self.given_up = threading.Event(), threading.Event()

    async def switch(self, endpoint_id: str, configuration: str) -> str:
        if configuration == "vpn-b":
            raise PluginError(Code.IN_USE, "vpn-b is in use by endpoint 77")
        if configuration == "hangs":
            await asyncio.Event().wait()
        return configuration or f"next of {endpoint_id[:4]}"

    async def wait(self, endpoint_id: str, patience: float) -> str:
        self.waiting.set()
        try:
            await asyncio.sleep(patience)
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return "never"


@pytest.fixture
def insides() -> Insides:
    return Insides()


@pytest.fixture
def client(tmp_path: Path, insides: Insides) -> Iterator[Client]:
    """A plugin that soon gives up a call."""
    plugin = assemble(ConfigFolder(tmp_path), Store(tmp_path / "state"), MemoryHost(), Resolver())
    app = create_app(plugin.driver, plugin.upkeep.status, insides, Timings(call=0.3))
    with serving(app, tmp_path / "socket") as client:
        yield client


@pytest.mark.parametrize(
    ("more", "name"), [({"configuration": "vpn-c"}, "vpn-c"), ({}, "next of 0a1b")]
)
def test_switch_is_answered_with_the_configuration(
    client: Client, more: dict[str, str], name: str
) -> None:
    answer = client.call("switch", {"endpoint": ENDPOINT_ID, **more})
    assert answer == (200, {"configuration": name})


def test_refused_switch_is_answered_with_the_error(client: Client) -> None:
    answer = client.call("switch", {"endpoint": ENDPOINT_ID, "configuration": "vpn-b"})
    assert answer == (500, {"Err": "vpn-b is in use by endpoint 77 [WG111]"})


def test_switch_that_hangs_is_given_up(client: Client) -> None:
    status, answer = client.call("switch", {"endpoint": ENDPOINT_ID, "configuration": "hangs"})
    assert (status, answer["Err"][-7:]) == (500, "[WG502]")


def test_wait_may_take_longer_than_a_call_of_docker_s(client: Client) -> None:
    answer = client.call("wait", {"endpoint": ENDPOINT_ID, "timeout": 0.6})
    assert answer == (200, {"health": "never"})


def test_wait_ends_when_its_client_goes_away(client: Client, insides: Insides) -> None:
    body = json.dumps({"endpoint": ENDPOINT_ID, "timeout": 60}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(client.path))
        head = f"POST /wait HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert insides.waiting.wait(30)
        assert not insides.given_up.is_set()
    assert insides.given_up.wait(30)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("switch", {}),
        ("switch", {"endpoint": ""}),
        ("switch", {"endpoint": "../e"}),
        ("switch", {"endpoint": ENDPOINT_ID, "configuration": 7}),
        ("switch", {"endpoint": ENDPOINT_ID, "configuration": "x" * 65}),
        ("wait", {"endpoint": ENDPOINT_ID}),
        ("wait", {"endpoint": ENDPOINT_ID, "timeout": -1}),
        ("wait", {"endpoint": ENDPOINT_ID, "timeout": 3601}),
        ("wait", {"endpoint": ENDPOINT_ID, "timeout": "soon"}),
        ("wait", []),
        ("wait", None),
    ],
)
def test_bad_request_is_refused_with_a_reason(client: Client, name: str, request_: Any) -> None:
    status, answer = client.call(name, request_)
    assert (status, answer["Err"][-7:]) == (400, "[WG501]")


@pytest.mark.parametrize("name", ["switch", "wait"])
def test_base_edition_refuses(tmp_path: Path, name: str) -> None:
    plugin = assemble(ConfigFolder(tmp_path), Store(tmp_path / "state"), MemoryHost(), Resolver())
    with serving(plugin, tmp_path / "sock") as client:
        status, answer = client.call(name, {"endpoint": ENDPOINT_ID, "timeout": 1})
    assert status == 500
    assert answer["Err"].startswith("a tunnel can't be ")
    assert "it takes the live edition" in answer["Err"]
