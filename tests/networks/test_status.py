"""What the plugin tells of its tunnels: as a document, and as metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.memory_host import MemoryHost
from tests.serving import UnixConnection, serving
from tests.told import STATUS, TUNNEL
from wgplugin.conf.folder import ConfigFolder
from wgplugin.networks import metrics
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.status import (
    ContainerStatus,
    Status,
    decode,
    encode,
)
from wgplugin.plugin import Plugin, assemble
from wgplugin.state.store import Store

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


def get(path: Path, name: str) -> tuple[str, bytes]:
    """Return what kind of answer comes, and the answer."""
    connection = UnixConnection(path)
    try:
        connection.request("GET", name)
        response = connection.getresponse()
        return response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def test_status_is_read_back_as_it_was() -> None:
    assert decode(encode(STATUS)) == STATUS


def test_metrics_have_each_tunnel_and_each_peer() -> None:
    lines = metrics.encode(STATUS).decode().splitlines()
    labels = f'configuration="mynet",endpoint="{"e" * 12}",network="{"n" * 12}"'
    peer = labels + ',peer="AAAABBBBCCCC="'
    for line in (
        'wireguard_plugin_info{edition="live",version="' + STATUS.version + '"} 1.0',
        f'wireguard_tunnel_health{{configuration="mynet",endpoint="{"e" * 12}",health="up",'
        f'network="{"n" * 12}"}} 1.0',
        f"wireguard_tunnel_error{{{labels}}} 0.0",
        f"wireguard_peer_received_bytes_total{{{peer}}} 2048.0",
        f"wireguard_peer_sent_bytes_total{{{peer}}} 5.0",
        f"wireguard_peer_last_handshake_timestamp_seconds{{{peer}}} 999910.0",
    ):
        assert line in lines


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    store = Store(tmp_path / "state")
    return assemble(ConfigFolder(tmp_path), store, MemoryHost(), Resolver())


def test_plugin_answers_programs_and_prometheus(plugin: Plugin, tmp_path: Path) -> None:
    with serving(plugin, tmp_path / "sock") as client:
        _, answer = get(client.path, "/status")
        assert json.loads(answer)["edition"] == "base"
        kind, measured = get(client.path, "/metrics")
        assert kind.startswith("text/plain")
        assert b"wireguard_plugin_info" in measured


def test_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    shared = replace(TUNNEL, endpoint="", containers=(ContainerStatus("e" * 64, "ns"),))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"wireguard_\w+", target["expr"])
    }
    there = set(
        re.findall(
            r"^(wireguard_\w+)", metrics.encode(Status("live", (shared,))).decode(), re.MULTILINE
        )
    )
    assert asked
    assert asked <= there
