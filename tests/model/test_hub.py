"""A server's file makes a hub; what its peers' notes say counts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.sharing import BOTH, KEY, settings
from tests.strategies import networks
from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.errors import PluginError
from wgplugin.model.attachment import allowed_ips
from wgplugin.model.configuration import InterfaceConfig
from wgplugin.model.hub import check_alone, has_nat, is_hub, limits, present, summed_up
from wgplugin.model.notes import PeerNote, Reach
from wgplugin.model.prefixes import Prefix
from wgplugin.model.shared_checks import check_network

KEYS = [f"{letter * 42}A=" for letter in "BCDEFGHIJ"]


def server(*peers: str, port: int = 51820) -> InterfaceConfig:
    """Return a file; each peer is its AllowedIPs, and after a ``|`` its note."""
    text = f"[Interface]\nPrivateKey = {KEY}\nListenPort = {port}\n"
    text += "Address = 10.99.0.1/24, fd99::1/64\n"
    for key, peer in zip(KEYS, peers, strict=False):
        nets, _, note = peer.partition("|")
        text += "[Peer]\n" + (f"# wgplugin: peer {note}\n" if note else "")
        text += f"PublicKey = {key}\nAllowedIPs = {nets}\n"
    return parser.parse(text.encode(), "office.conf")


@pytest.mark.parametrize(
    ("file", "option", "nat"),
    [
        (server("10.99.0.2/32"), "", False),
        (server(), "", False),
        (server("192.168.1.0/24"), "", False),
        (server("0.0.0.0/0"), "", True),
        (server("10.99.0.2/32", "::/0"), "", True),
        (server("0.0.0.0/1, 128.0.0.0/1"), "", True),
        (server("10.99.0.2/32", port=0), "", True),
        (server("10.99.0.2/32"), "on", True),
        (server("0.0.0.0/0"), "off", False),
        (server("10.99.0.2/32", port=0), "off", False),
    ],
)
def test_file_decides_on_nat_and_the_option_wins(
    file: InterfaceConfig, option: str, nat: bool
) -> None:
    assert has_nat(file, settings(**({"nat": option} if option else {}))) is nat


def test_hub_is_a_server_s_network_without_nat() -> None:
    assert is_hub(server("10.99.0.2/32"), settings())
    assert not is_hub(server("10.99.0.2/32"), settings(nat="on"))
    assert not is_hub(server("10.99.0.2/32", port=0), settings(nat="off"))


def test_peers_addresses_are_summed_up_to_the_hub_s_subnets() -> None:
    peers = ("10.99.0.2/32, fd99::2/128", "10.99.0.3/32, 192.168.1.0/24", "fd99::4/128")
    found = summed_up(server(*peers), settings())
    nets = map(ip_network, ("10.99.0.0/24", "fd99::/64", "192.168.1.0/24"))
    assert allowed_ips(found) == list(nets)


def test_routes_are_the_file_s_where_nobody_dials_in() -> None:
    file = server("10.99.0.2/32", port=0)
    assert summed_up(file, settings()) == file


@given(st.lists(networks(), max_size=9, unique=True))
def test_summing_up_keeps_every_address_and_names_each_prefix_once(nets: list[Prefix]) -> None:
    file = server(*(str(net) for net in nets))
    before, after = allowed_ips(file), allowed_ips(summed_up(file, settings()))
    assert len(after) == len(set(after))
    for net in before:
        same = [each for each in after if each.version == net.version]
        assert any(net.subnet_of(each) for each in same)  # type: ignore[arg-type]


def test_limits_are_of_peers_whose_note_has_reach() -> None:
    file = server("10.99.0.2/32", "10.99.0.3/32, fd99::3/128|reach=172.30.5.2/32:tcp/80,fd5::/64")
    (limit,) = limits(file, BOTH)
    assert limit.sources == (ip_network("10.99.0.3/32"), ip_network("fd99::3/128"))
    assert limit.reach == (
        Reach(ip_network("172.30.5.2/32"), "tcp", 80),
        Reach(ip_network("fd5::/64")),
    )
    (only_ipv4,) = limits(file, (4,))
    assert only_ipv4.sources == (ip_network("10.99.0.3/32"),)
    assert only_ipv4.reach == (Reach(ip_network("172.30.5.2/32"), "tcp", 80),)


def test_limit_leaves_out_what_is_another_peer_s() -> None:
    file = server("10.99.0.0/30|reach=172.30.5.2/32", "10.99.0.1/32")
    (limit,) = limits(file, BOTH)
    nets = map(ip_network, ("10.99.0.0/32", "10.99.0.2/31"))
    assert limit.sources == tuple(nets)


def test_peer_ends_at_the_second_that_its_note_says() -> None:
    file = server(
        "10.99.0.2/32|expires=1970-01-02", "10.99.0.3/32|expires=1970-01-03", "10.99.0.4/32"
    )
    day = 86400
    before = present(file, day - 0.1)
    assert (before.config, before.until) == (file, day)
    after = present(file, day)
    assert after.config == replace(file, peers=file.peers[1:])
    assert after.until == 2 * day
    assert present(file, 3 * day).config.peers == file.peers[2:]
    assert present(file, 3 * day).until is None


def test_limit_of_a_container_alone_is_an_error() -> None:
    check_alone("office.conf", server("10.99.0.2/32|name=a expires=2030-01-01"))
    with pytest.raises(PluginError, match=r"office\.conf: reach limits peer tablet") as caught:
        check_alone("office.conf", server("10.99.0.2/32|name=tablet reach=172.30.5.2/32"))
    assert caught.value.code is Code.NEEDS_ROUTER


def test_containers_have_no_address_of_a_peer_s_subnet() -> None:
    gateway = ip_interface("10.99.0.129/28")
    given = ("office.conf", server("10.99.0.2/32"), settings(), [gateway.network], [gateway])
    overlap = r"10\.99\.0\.128/28 overlaps with 10\.99\.0\.0/24 of the Address in office\.conf"
    with pytest.raises(PluginError, match=overlap) as caught:
        check_network(*given, internal=False)
    assert caught.value.code is Code.SUBNET_TAKEN


def test_peer_without_a_note_has_no_limit_and_no_end() -> None:
    assert server("10.99.0.2/32").peers[0].note == PeerNote()
