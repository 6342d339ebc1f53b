"""A device is put right when it has changed, and seldom if that doesn't help."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, SocketAddress
from wgplugin.networks.drift import Drift
from wgplugin.networks.pauses import Pauses

KEY = Key(bytes([8]) * 31 + b"\x41")
WANTED = DeviceConfig(KEY, 51820, peers=(PeerConfig(KEY),))
RIGHT = Device(KEY, None, 51820, 0, (Peer(KEY),))
WRONG = replace(RIGHT, peers=())


def drift() -> Drift:
    return Drift(Pauses(15.0, 60.0))


def test_device_that_is_as_wanted_is_left_alone() -> None:
    each = drift()
    assert not each.is_due(RIGHT, WANTED, 10.0)
    assert not each.is_due(RIGHT, WANTED, 20.0)


def test_what_changes_by_itself_is_no_difference() -> None:
    here = SocketAddress(ip_address("192.0.2.1"), 1)
    moved = replace(RIGHT, peers=(Peer(KEY, None, here, last_handshake=5.0, received=1, sent=1),))
    assert not drift().is_due(moved, WANTED, 10.0)


def test_difference_is_told_at_once_and_then_more_and_more_seldom() -> None:
    each = drift()
    told = [now for now in range(0, 300, 5) if each.is_due(WRONG, WANTED, float(now))]
    assert told == [0, 15, 45, 105, 165, 225, 285]


def test_difference_is_told_at_once_again_after_all_was_right() -> None:
    each = drift()
    assert each.is_due(WRONG, WANTED, 10.0)
    assert not each.is_due(RIGHT, WANTED, 11.0)
    assert each.is_due(WRONG, WANTED, 12.0)
    assert each.is_due(WRONG, WANTED, 27.0)


def test_another_configuration_is_compared_though_the_device_stays() -> None:
    each = drift()
    assert not each.is_due(RIGHT, WANTED, 10.0)
    assert each.is_due(RIGHT, replace(WANTED, listen_port=1), 11.0)
