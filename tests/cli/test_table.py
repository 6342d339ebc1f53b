"""The table of wgplugin status."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.told import NOW, PEER, STATUS, TUNNEL
from wgplugin.cli.table import HEAD, age, size, table
from wgplugin.networks.status import ContainerStatus, PeerStatus, Status, TunnelStatus


def test_table_has_a_line_a_peer_and_the_tunnel_once() -> None:
    head, first, second = table(STATUS, NOW).splitlines()
    assert head.split() == list(HEAD)
    told = ["mynet", "e" * 12, "up", "wg0", "AAAABBBB…", "192.0.2.1:51820", "1", "m", "ago"]
    assert first.split() == [*told, "2.0", "KiB", "5", "B"]
    assert second.split() == ["DDDDEEEE…", "-", "never", "0", "B", "0", "B"]


@pytest.mark.parametrize("peers", [(), (PEER, PEER)])
def test_table_has_published_ports_as_docker_ps_has_them(peers: tuple[PeerStatus, ...]) -> None:
    published = ("8080:80/tcp", "127.0.0.1:53:5353/udp")
    shown = "8080->80/tcp, 127.0.0.1:53->5353/udp"
    own = replace(TUNNEL, peers=peers, published=published)
    lines = table(Status("live", (own,)), NOW).splitlines()
    assert [line.endswith(shown) for line in lines] == [False, True, *[False] * len(peers[1:])]
    assert lines[0].index("PORTS") == lines[1].index(shown)

    members = (ContainerStatus("c1", "ns", published=published), ContainerStatus("c2", "ns"))
    router = replace(TUNNEL, endpoint="", peers=peers, containers=members)
    lines = table(Status("live", (router,)), NOW).splitlines()
    assert lines[-2].split()[0] == "c1"
    assert lines[-2].endswith(f" {shown}")
    assert lines[-1].split() == ["c2"]


def test_table_ends_with_the_errors() -> None:
    wrong = TunnelStatus("e", "n", "mynet", "never", error="mynet.conf: no such file")
    assert table(Status("live", (wrong,)), NOW).splitlines()[-1] == (
        "mynet: mynet.conf: no such file"
    )


@pytest.mark.parametrize(
    ("switches", "since", "told"),
    [
        (0, None, "of the pool mynet,vpn-*"),
        (0, NOW - 180, "of the pool mynet,vpn-*; since 3 m: vpn-a is down"),
        (1, NOW - 180, "of the pool mynet,vpn-*; since 3 m: vpn-a is down; 1 switch"),
        (2, NOW - 180, "of the pool mynet,vpn-*; since 3 m: vpn-a is down; 2 switches"),
    ],
)
def test_table_says_what_a_configuration_was_chosen_of_and_why(
    switches: int, since: float | None, told: str
) -> None:
    chosen = replace(
        TUNNEL, pool="mynet,vpn-*", since=since, why="vpn-a is down", switches=switches, error="no"
    )
    lines = table(Status("live", (chosen,)), NOW).splitlines()
    assert lines[-2:] == [f"mynet: {told}", "mynet: no"]


def test_table_of_the_base_edition_says_what_it_cannot_see() -> None:
    shown = table(Status("base", (TunnelStatus("e", "n", "mynet", "unknown"),)), NOW)
    assert "unknown" in shown
    assert shown.endswith("the live edition can.")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 m"), (7199, "1 h"), (200000, "2 d")],
)
def test_age_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 40, "3.0 TiB")]
)
def test_size_is_in_its_largest_unit(count: int, text: str) -> None:
    assert size(count) == text
