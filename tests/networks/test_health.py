"""How a tunnel is doing, and what has happened to it."""

from ipaddress import ip_address

import pytest

from wgplugin.model.device import Device, Key, Peer, SocketAddress
from wgplugin.networks.health import Health, events, health, is_silent

NOW = 1_000_000.0
KEY = Key(bytes(31) + b"\1")
HERE = SocketAddress(ip_address("192.0.2.1"), 51820)
THERE = SocketAddress(ip_address("2001:db8::1"), 51820)


def peer(age: float | None = None, endpoint: SocketAddress | None = HERE) -> Peer:
    return Peer(KEY, endpoint=endpoint, last_handshake=0 if age is None else NOW - age)


def device(*peers: Peer) -> Device:
    return Device(None, None, 0, 0, peers)


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ([], Health.NEVER),
        ([None, None], Health.NEVER),
        ([179.0], Health.UP),
        ([181.0], Health.STALE),
        ([None, 1000.0, 5.0], Health.UP),
    ],
)
def test_tunnel_is_as_well_as_its_latest_handshake(
    ages: list[float | None], expected: Health
) -> None:
    assert health(map(peer, ages), NOW) is expected


@pytest.mark.parametrize(
    ("age", "since", "expected"),
    [(134.0, 500.0, False), (136.0, 500.0, True), (None, 100.0, False), (None, 136.0, True)],
)
def test_peer_is_silent_after_a_time_without_handshake(
    age: float | None, since: float, expected: bool
) -> None:
    assert is_silent(peer(age), since, NOW, 135.0) is expected


def test_peer_without_endpoint_is_always_silent() -> None:
    assert is_silent(peer(1.0, endpoint=None), 0.0, NOW, 135.0)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (Health.NEVER, Health.UP, ["up: handshake"]),
        (Health.STALE, Health.UP, ["up: handshake again"]),
        (Health.UP, Health.STALE, ["stale: no handshake for 180 s"]),
        (Health.UP, Health.UP, []),
        (Health.NEVER, Health.NEVER, []),
    ],
)
def test_change_of_health_is_an_event(was: Health, now: Health, told: list[str]) -> None:
    assert events(device(peer()), device(peer()), was, now) == told


def test_peer_that_moved_is_an_event_without_its_whole_key() -> None:
    (event,) = events(device(peer()), device(peer(endpoint=THERE)), Health.UP, Health.UP)
    assert event == ("endpoint changed: peer AAAAAAAA… from 192.0.2.1:51820 to [2001:db8::1]:51820")


def test_first_look_reports_no_move() -> None:
    assert not events(None, device(peer()), Health.NEVER, Health.NEVER)
