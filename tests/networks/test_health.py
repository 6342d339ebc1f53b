"""How a tunnel is doing, and what has happened to it."""

from ipaddress import ip_address
from math import inf

import pytest

from wgplugin.model.device import Device, Key, Peer, SocketAddress
from wgplugin.networks.health import Health, PeerHealth, events, health, limit
from wgplugin.timings import Timings

TIMINGS = Timings()
KEY = Key(bytes(31) + b"\1")
HERE = SocketAddress(ip_address("192.0.2.1"), 51820)
THERE = SocketAddress(ip_address("2001:db8::1"), 51820)


def peer(endpoint: SocketAddress | None = HERE) -> Peer:
    return Peer(KEY, endpoint=endpoint)


def device(*peers: Peer) -> Device:
    return Device(None, None, 0, 0, peers)


def peer_health(age: float, owing: float = 0.0, lost: bool = False) -> PeerHealth:
    return PeerHealth(age, owing, lost)


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        ([], Health.NEVER),
        ([peer_health(inf), peer_health(inf)], Health.NEVER),
        ([peer_health(179.0)], Health.UP),
        ([peer_health(180.0)], Health.STALE),
        ([peer_health(inf), peer_health(1000.0), peer_health(5.0)], Health.UP),
        ([peer_health(inf, 14.9)], Health.NEVER),
        ([peer_health(inf, 15.0)], Health.DOWN),
        ([peer_health(5.0, 19.9)], Health.UP),
        ([peer_health(5.0, 20.0)], Health.DOWN),
        ([peer_health(500.0, 19.9)], Health.STALE),
        ([peer_health(500.0, 20.0)], Health.DOWN),
        ([peer_health(inf, lost=True)], Health.DOWN),
        ([peer_health(inf, 60.0), peer_health(5.0)], Health.UP),
        ([peer_health(5.0, 60.0), peer_health(500.0)], Health.DOWN),
    ],
)
def test_tunnel_is_as_well_as_its_best_peer(peers: list[PeerHealth], expected: Health) -> None:
    assert health(peers, TIMINGS)[0] is expected


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (peer_health(inf, 15.0), "no handshake within 15 s"),
        (peer_health(5.0, 20.0), "no answer for 20 s"),
        (peer_health(inf, lost=True), "its peer isn't found"),
        (peer_health(5.0), ""),
    ],
)
def test_why_a_tunnel_is_down_is_told(peer: PeerHealth, why: str) -> None:
    assert health([peer], TIMINGS)[1] == why


@pytest.mark.parametrize(
    ("peer", "seconds"),
    [(peer_health(inf, 5.0), 10.0), (peer_health(5.0, 5.0), 15.0), (peer_health(5.0), inf)],
)
def test_time_until_a_silent_peer_is_down_is_known(peer: PeerHealth, seconds: float) -> None:
    assert limit(peer, TIMINGS) == seconds


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (Health.NEVER, Health.UP, ["up: handshake"]),
        (Health.STALE, Health.UP, ["up: handshake again"]),
        (Health.UP, Health.STALE, ["stale: no handshake for 180 s"]),
        (Health.UP, Health.DOWN, ["down: no answer"]),
        (Health.DOWN, Health.DOWN, []),
        (Health.DOWN, Health.UP, ["up: handshake again"]),
        (Health.UP, Health.UP, []),
        (Health.NEVER, Health.NEVER, []),
    ],
)
def test_change_of_health_is_an_event(was: Health, now: Health, told: list[str]) -> None:
    assert events(device(peer()), device(peer()), was, now, "no answer") == told


def test_peer_that_moved_is_an_event_without_its_whole_key() -> None:
    (event,) = events(device(peer()), device(peer(endpoint=THERE)), Health.UP, Health.UP, "")
    assert event == ("endpoint changed: peer AAAAAAAA… from 192.0.2.1:51820 to [2001:db8::1]:51820")


def test_first_look_reports_no_move() -> None:
    assert not events(None, device(peer()), Health.NEVER, Health.NEVER, "")
