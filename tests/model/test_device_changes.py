"""While a device's peers change, no allowed IP is away that is wanted before and after.

But no peer has been there before the private key. The kernel's part is played by a table of allowed
IPs, each with its peer, as in wg_set_device() and set_peer() of drivers/net/wireguard/netlink.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from wgplugin.model.device import Device, DeviceConfig, Key, Peer, PeerConfig, diff
from wgplugin.model.prefixes import Prefix

KEYS = [Key(bytes([number]) * 32) for number in range(1, 6)]
NETS = [ip_network(f"10.{number}.0.0/16") for number in range(8)]

Table = dict[Prefix, Key]
Peers = Mapping[Key, tuple[Prefix, ...]]


@st.composite
def some_peers(draw: st.DrawFn) -> Peers:
    """Some peers, among which some of the allowed IPs are dealt out."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    owners = draw(st.fixed_dictionaries({net: st.sampled_from([None, *keys]) for net in NETS}))
    return {key: tuple(net for net, owner in owners.items() if owner == key) for key in keys}


class Kernel:
    """A device's peers, and the table of its allowed IPs."""

    def __init__(self, peers: Peers) -> None:
        self.peers = set(peers)
        self.table = table(peers)
        self.met_by_key: set[Key] | None = None
        """The peers that were there when the private key was set."""

    def steps(self, change: DeviceConfig) -> Iterator[Table]:
        """Make a change, and yield the table after each step of it."""
        if change.replace_peers:
            self.peers, self.table = set(), {}
        if change.private_key:
            self.met_by_key = set(self.peers)
        for peer in change.peers:
            key = peer.public_key
            if peer.remove:
                self.peers.discard(key)
            else:
                self.peers.add(key)
            if peer.remove or peer.replace_allowed_ips:
                self.table = {net: owner for net, owner in self.table.items() if owner != key}
                yield self.table
            for net in () if peer.remove else peer.allowed_ips:
                self.table = {**self.table, net: key}
                yield self.table


def table(peers: Peers) -> Table:
    return {net: key for key, nets in peers.items() for net in nets}


def device(peers: Peers, private_key: Key | None = None) -> Device:
    present = tuple(Peer(key, allowed_ips=nets) for key, nets in peers.items())
    return Device(private_key, None, 51820, 0, present)


def config(peers: Peers, private_key: Key | None = None) -> DeviceConfig:
    """The whole configuration as model.attachment makes it."""
    wanted = (
        PeerConfig(key, persistent_keepalive=0, replace_allowed_ips=True, allowed_ips=nets)
        for key, nets in peers.items()
    )
    return DeviceConfig(private_key, replace_peers=True, peers=tuple(wanted))


@given(some_peers(), some_peers())
def test_device_becomes_the_wanted_one(before: Peers, wanted: Peers) -> None:
    kernel = Kernel(before)
    list(kernel.steps(diff(device(before), config(wanted))))
    assert kernel.table == table(wanted)
    assert kernel.peers == set(wanted)


@given(some_peers(), some_peers())
def test_unchanged_allowed_ip_is_never_away(before: Peers, wanted: Peers) -> None:
    unchanged = table(before).items() & table(wanted).items()
    for step in Kernel(before).steps(diff(device(before), config(wanted))):
        assert unchanged <= step.items()


@given(some_peers(), some_peers())
def test_moving_allowed_ip_is_never_without_one_of_its_peers(before: Peers, wanted: Peers) -> None:
    old, new = table(before), table(wanted)
    for step in Kernel(before).steps(diff(device(before), config(wanted))):
        for net in old.keys() & new.keys():
            assert step.get(net) in {old[net], new[net]}


@given(some_peers(), some_peers())
def test_another_private_key_meets_no_peer_of_the_one_before(before: Peers, wanted: Peers) -> None:
    kernel = Kernel(before)
    list(kernel.steps(diff(device(before, KEYS[0]), config(wanted, KEYS[1]))))
    assert kernel.met_by_key == set()
    assert kernel.table == table(wanted)
    assert kernel.peers == set(wanted)
