"""What the plugin tells of its tunnels: as a document, as metrics, as a table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.memory_host import MemoryHost
from tests.serving import UnixConnection, serving
from wgplugin.cli import status
from wgplugin.conf.folder import ConfigFolder
from wgplugin.networks import metrics
from wgplugin.networks.resolver import Resolver
from wgplugin.networks.status import (
    ContainerStatus,
    PeerStatus,
    Status,
    TunnelStatus,
    decode,
    encode,
)
from wgplugin.plugin import Plugin, assemble
from wgplugin.state.store import Store

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
NOW = 1_000_000.0
PEER = PeerStatus("AAAABBBBCCCC=", "192.0.2.1:51820", NOW - 90, 2048, 5, ("0.0.0.0/0",))
TUNNEL = TunnelStatus(
    endpoint="e" * 64,
    network="n" * 64,
    configuration="mynet",
    health="up",
    interface="wg0",
    namespace="/var/run/docker/netns/0123456789ab",
    configured=NOW,
    error="",
    peers=(PEER, PeerStatus("DDDDEEEEFFFF=", None, None, 0, 0, ())),
)
STATUS = Status("live", (TUNNEL,))


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


def test_table_has_a_line_a_peer_and_the_tunnel_once() -> None:
    head, first, second = status.table(STATUS, NOW).splitlines()
    assert head.split() == list(status.HEAD)
    told = ["mynet", "e" * 12, "up", "wg0", "AAAABBBB…", "192.0.2.1:51820", "1", "m", "ago"]
    assert first.split() == [*told, "2.0", "KiB", "5", "B"]
    assert second.split() == ["DDDDEEEE…", "-", "never", "0", "B", "0", "B"]


@pytest.mark.parametrize("peers", [(), (PEER, PEER)])
def test_table_has_published_ports_as_docker_ps_has_them(peers: tuple[PeerStatus, ...]) -> None:
    published = ("8080:80/tcp", "127.0.0.1:53:5353/udp")
    shown = "8080->80/tcp, 127.0.0.1:53->5353/udp"
    own = replace(TUNNEL, peers=peers, published=published)
    lines = status.table(Status("live", (own,)), NOW).splitlines()
    assert [line.endswith(shown) for line in lines] == [False, True, *[False] * len(peers[1:])]
    assert lines[0].index("PORTS") == lines[1].index(shown)

    members = (ContainerStatus("c1", "ns", published=published), ContainerStatus("c2", "ns"))
    router = replace(TUNNEL, endpoint="", peers=peers, containers=members)
    lines = status.table(Status("live", (router,)), NOW).splitlines()
    assert lines[-2].split()[0] == "c1"
    assert lines[-2].endswith(f" {shown}")
    assert lines[-1].split() == ["c2"]


def test_table_ends_with_the_errors() -> None:
    wrong = TunnelStatus("e", "n", "mynet", "never", error="mynet.conf: no such file")
    assert status.table(Status("live", (wrong,)), NOW).splitlines()[-1] == (
        "mynet: mynet.conf: no such file"
    )


def test_table_of_the_base_edition_says_what_it_cannot_see() -> None:
    shown = status.table(Status("base", (TunnelStatus("e", "n", "mynet", "unknown"),)), NOW)
    assert "unknown" in shown
    assert shown.endswith("the live edition can.")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 m"), (7199, "1 h"), (200000, "2 d")],
)
def test_age_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert status.age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 40, "3.0 TiB")]
)
def test_size_is_in_its_largest_unit(count: int, text: str) -> None:
    assert status.size(count) == text


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


def test_people_see_the_plugin_on_a_socket(
    plugin: Plugin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(plugin, tmp_path / "sock") as client:
        assert status.run(client.path, watch=False, as_json=False) == 0
        assert capsys.readouterr().out.startswith("CONFIGURATION")
        assert status.run(client.path, watch=False, as_json=True) == 0
        assert json.loads(capsys.readouterr().out)["tunnels"] == []


def test_sockets_of_all_plugins_are_found(tmp_path: Path) -> None:
    for name in ("0123/wireguard.sock", "4567/other.sock", "89ab/wireguard.sock"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in status.sockets(tmp_path)]
    assert found == ["0123/wireguard.sock", "89ab/wireguard.sock"]


def test_missing_plugin_is_reported_with_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.run(tmp_path / "sock", watch=False, as_json=False) == 1
    assert "is the plugin enabled, and are you root?" in capsys.readouterr().err


def test_another_program_on_the_socket_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(request: object) -> Response:
        return Response(status_code=404)

    other = Starlette(routes=[Route("/status", refuse)])
    with serving(other, tmp_path / "sock") as client:
        assert status.run(client.path, watch=False, as_json=False) == 1
    assert "no such plugin" in capsys.readouterr().err


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
