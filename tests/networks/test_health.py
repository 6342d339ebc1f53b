"""How a tunnel is doing, and what has happened to it."""

from ipaddress import ip_address
from math import inf

import pytest

from wgplugin.model.device import Device, Key, Peer, SocketAddress
from wgplugin.networks.health import Health, events, health

KEY = Key(bytes(31) + b"\1")
HERE = SocketAddress(ip_address("192.0.2.1"), 51820)
THERE = SocketAddress(ip_address("2001:db8::1"), 51820)


def peer(endpoint: SocketAddress | None = HERE) -> Peer:
    return Peer(KEY, endpoint=endpoint)


def device(*peers: Peer) -> Device:
    return Device(None, None, 0, 0, peers)


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ([], Health.NEVER),
        ([inf, inf], Health.NEVER),
        ([179.0], Health.UP),
        ([180.0], Health.STALE),
        ([inf, 1000.0, 5.0], Health.UP),
    ],
)
def test_tunnel_is_as_well_as_its_latest_handshake(ages: list[float], expected: Health) -> None:
    assert health(ages) is expected


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
