"""What is changed in a device that runs: what is asked, and nothing else."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from wgplugin.model.device import (
    NO_KEY,
    Device,
    DeviceConfig,
    Key,
    Peer,
    PeerConfig,
    SocketAddress,
    describe,
    diff,
    short,
)

KEYS = [Key(bytes([number * 8]) * 31 + b"\x41") for number in range(5)]
HERE = SocketAddress(ip_address("192.0.2.1"), 51820)
THERE = SocketAddress(ip_address("192.0.2.2"), 51820)
NETS = tuple(map(ip_network, ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")))

PRESENT = Peer(KEYS[1], KEYS[3], HERE, 25, allowed_ips=NETS[:2])
WANTED = PeerConfig(KEYS[1], KEYS[3], HERE, 25, replace_allowed_ips=True, allowed_ips=NETS[:2])
DEVICE = Device(KEYS[0], KEYS[4], 51820, 0, (PRESENT,))
CONFIG = DeviceConfig(KEYS[0], 51820, 0, replace_peers=True, peers=(WANTED,))


def change(**wanted: object) -> PeerConfig:
    """Return the change of the one peer."""
    config = replace(CONFIG, peers=(replace(WANTED, **wanted),))  # type: ignore[arg-type]
    (changed,) = diff(DEVICE, config, [KEYS[1]]).peers
    return changed


def test_device_that_is_as_wanted_is_left_alone() -> None:
    assert diff(DEVICE, CONFIG) == DeviceConfig()


def test_order_of_allowed_ips_is_no_change() -> None:
    config = replace(CONFIG, peers=(replace(WANTED, allowed_ips=NETS[1::-1]),))
    assert diff(DEVICE, config) == DeviceConfig()


def test_peer_that_is_not_in_the_file_is_removed() -> None:
    assert diff(DEVICE, replace(CONFIG, peers=())).peers == (PeerConfig(KEYS[1], remove=True),)


def test_peer_that_is_the_device_itself_is_left_out() -> None:
    itself = replace(WANTED, public_key=KEYS[4])
    assert diff(DEVICE, replace(CONFIG, peers=(itself, WANTED))) == DeviceConfig()


def test_new_peer_comes_with_all_that_it_has() -> None:
    new = replace(WANTED, public_key=KEYS[3])
    assert diff(DEVICE, replace(CONFIG, peers=(WANTED, new))).peers == (new,)


def test_further_allowed_ips_are_added_while_the_others_stay() -> None:
    assert change(allowed_ips=NETS) == PeerConfig(KEYS[1], allowed_ips=NETS[2:])


def test_unwanted_allowed_ip_goes_with_a_peer_that_is_removed() -> None:
    config = replace(CONFIG, peers=(replace(WANTED, allowed_ips=NETS[1:]),))
    added, taken, removed = diff(DEVICE, config).peers
    assert added == PeerConfig(KEYS[1], allowed_ips=NETS[2:])
    assert taken == PeerConfig(taken.public_key, allowed_ips=NETS[:1])
    assert removed == PeerConfig(taken.public_key, remove=True)


def test_preshared_key_and_keepalive_that_vanish_are_cleared() -> None:
    assert change(preshared_key=None).preshared_key == NO_KEY
    assert change(persistent_keepalive=0) == PeerConfig(KEYS[1], persistent_keepalive=0)


def test_endpoint_is_moved_only_where_it_was_edited() -> None:
    config = replace(CONFIG, peers=(replace(WANTED, endpoint=THERE),))
    assert diff(DEVICE, config) == DeviceConfig()
    assert diff(DEVICE, config, [KEYS[1]]).peers == (PeerConfig(KEYS[1], endpoint=THERE),)


def test_peer_without_endpoint_gets_one() -> None:
    lost = replace(DEVICE, peers=(replace(PRESENT, endpoint=None),))
    assert diff(lost, CONFIG).peers == (PeerConfig(KEYS[1], endpoint=HERE),)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"listen_port": 0}, {}),
        ({"listen_port": 51821}, {"listen_port": 51821}),
        ({"fwmark": 7}, {"fwmark": 7}),
    ],
)
def test_device_s_own_settings_change_by_themselves(
    wanted: dict[str, object], expected: dict[str, object]
) -> None:
    changed = diff(DEVICE, replace(CONFIG, **wanted))  # type: ignore[arg-type]
    assert changed == DeviceConfig(**expected)  # type: ignore[arg-type]


def test_changes_are_described_by_what_they_come_to() -> None:
    new = replace(WANTED, public_key=KEYS[2], allowed_ips=())
    fewer = replace(WANTED, allowed_ips=NETS[1:2])
    wanted = DeviceConfig(KEYS[0], 51821, 7, peers=(fewer, new))
    gone = replace(DEVICE, peers=(PRESENT, Peer(KEYS[3])))
    assert list(describe(diff(gone, wanted))) == [
        "listen port 51821",
        "fwmark 7",
        f"peer {short(KEYS[2])} set",
        "allowed IPs removed: 1",
        f"peer {short(KEYS[3])} removed",
    ]


def test_another_private_key_replaces_all_peers_at_once() -> None:
    other = replace(WANTED, public_key=KEYS[3])
    changed = diff(DEVICE, replace(CONFIG, private_key=KEYS[2], peers=(other, WANTED)))
    assert changed == DeviceConfig(KEYS[2], replace_peers=True, peers=(other, WANTED))
    assert list(describe(changed)) == [
        "private key changed",
        "all peers replaced",
        f"peer {short(KEYS[3])} set",
        f"peer {short(KEYS[1])} set",
    ]


@pytest.mark.parametrize(("resolved", "expected"), [(None, HERE), (THERE, THERE)])
def test_peer_of_both_private_keys_keeps_its_address_only_if_it_has_no_other(
    resolved: SocketAddress | None, expected: SocketAddress
) -> None:
    wanted = replace(WANTED, endpoint=resolved)
    changed = diff(DEVICE, replace(CONFIG, private_key=KEYS[2], peers=(wanted,)))
    assert [peer.endpoint for peer in changed.peers] == [expected]


def test_private_key_is_the_same_however_its_bits_are_written() -> None:
    odd = Key(bytes([KEYS[0].raw[0] | 7]) + KEYS[0].raw[1:31] + bytes([KEYS[0].raw[31] | 128]))
    assert diff(DEVICE, replace(CONFIG, private_key=odd)) == DeviceConfig()


def test_socket_address_is_shown_as_wg_does() -> None:
    assert str(HERE) == "192.0.2.1:51820"
    assert str(SocketAddress(ip_address("2001:db8::1"), 1)) == "[2001:db8::1]:1"
