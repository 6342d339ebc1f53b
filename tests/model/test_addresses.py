"""Which addresses a container gets, and what is said when that can't be."""

from ipaddress import ip_interface, ip_network

import pytest

from wgplugin.errors import PluginError
from wgplugin.model.addresses import check_count, check_subnets, choose
from wgplugin.model.prefixes import InterfaceAddress


def interfaces(text: str) -> list[InterfaceAddress]:
    return [ip_interface(word) for word in text.split()]


@pytest.mark.parametrize(
    ("own", "assigned", "expected"),
    [
        ("10.0.0.2/32", "", "10.0.0.2/32"),
        ("10.0.0.2/32 fd00::2/128", "", "10.0.0.2/32 fd00::2/128"),
        ("", "10.9.0.2/24", "10.9.0.2/24"),
        ("", "10.9.0.2/24 fd09::2/64", "10.9.0.2/24 fd09::2/64"),
        ("10.9.0.2/32", "10.9.0.2/24", "10.9.0.2/24"),
        ("fd00::2/128", "10.9.0.2/24", "10.9.0.2/24 fd00::2/128"),
        ("10.9.0.2/32 fd00::2/128", "10.9.0.2/24", "10.9.0.2/24 fd00::2/128"),
    ],
)
def test_container_has_its_own_addresses_or_those_assigned(
    own: str, assigned: str, expected: str
) -> None:
    assert list(choose("x.conf", interfaces(own), interfaces(assigned))) == interfaces(expected)


@pytest.mark.parametrize(
    ("own", "assigned", "said"),
    [
        ("", "", "add an Address to x.conf, or give one with --network name=NETWORK,driver-opt="),
        ("10.9.0.2/32", "10.9.0.3/24", "with --ip 10.9.0.2, or create the network with --ipam"),
        ("fd00::2/64", "fd00::3/64", "with --ip6 fd00::2, or create the network with --ipam"),
    ],
)
def test_addresses_that_cannot_be_are_refused(own: str, assigned: str, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        choose("x.conf", interfaces(own), interfaces(assigned))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("own", "subnets"),
    [
        ("10.9.0.2/32 fd00::2/128", ""),
        ("", "10.9.0.0/24"),
        ("10.9.0.2/32", "10.9.0.0/24"),
        ("10.9.0.2/32 fd00::2/128", "10.9.0.0/24"),
        ("fd00::2/128", "10.9.0.0/24 fd00::/64"),
    ],
)
def test_subnet_that_holds_the_address_is_taken(own: str, subnets: str) -> None:
    check_subnets("x.conf", interfaces(own), map(ip_network, subnets.split()))


@pytest.mark.parametrize(
    ("own", "subnets", "said"),
    [
        ("10.8.0.2/24", "172.18.0.0/16", "--ipam-driver null, or with --subnet 10.8.0.0/24"),
        ("fd00::2/64", "10.9.0.0/24 fd09::/64", "or with --subnet fd00::/64"),
    ],
)
def test_subnet_that_does_not_is_refused(own: str, subnets: str, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_subnets("x.conf", interfaces(own), map(ip_network, subnets.split()))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("own", "most", "said"),
    [
        ("10.0.0.2/32 10.0.0.3/32 fd00::2/64", 1, "x.conf has 2 IPv4 addresses"),
        ("fd00::2/64 fd00::3/64", 1, "x.conf has 2 IPv6 addresses"),
        ("10.0.0.2/32 10.0.0.3/32 10.0.0.4/32", 2, "x.conf has 3 IPv4 addresses"),
    ],
)
def test_more_addresses_than_the_edition_sets_are_refused(own: str, most: int, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        check_count("x.conf", interfaces(own), most)


def test_as_many_addresses_as_the_edition_sets_are_accepted() -> None:
    check_count("x.conf", interfaces("10.0.0.2/32 10.0.0.3/32 fd00::2/64"), 2)
