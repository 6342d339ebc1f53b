"""Which addresses a container gets, and what is said when that can't be."""

from ipaddress import ip_interface

import pytest

from wgplugin.errors import PluginError
from wgplugin.model.addresses import check_subnets, choose
from wgplugin.model.routes import Interface


def interfaces(text: str) -> list[Interface]:
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
    assert list(choose("x.conf", interfaces(own), assigned.split())) == interfaces(expected)


@pytest.mark.parametrize(
    ("own", "assigned", "said"),
    [
        ("", "", "add an Address to x.conf, or give one with --network name=NETWORK,driver-opt="),
        ("10.9.0.2/32", "10.9.0.3/24", "with --ip 10.9.0.2, or create the network with --ipam"),
        ("fd00::2/64", "fd00::3/64", "with --ip6 fd00::2, or create the network with --ipam"),
        ("10.0.0.2/32 10.0.0.3/32", "", "x.conf has 2 IPv4 addresses"),
    ],
)
def test_addresses_that_cannot_be_are_refused(own: str, assigned: str, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        choose("x.conf", interfaces(own), assigned.split())
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
    check_subnets("x.conf", interfaces(own), subnets.split())


@pytest.mark.parametrize(
    ("own", "subnets", "said"),
    [
        ("10.8.0.2/24", "172.18.0.0/16", "--ipam-driver null, or with --subnet 10.8.0.0/24"),
        ("fd00::2/64", "10.9.0.0/24 fd09::/64", "or with --subnet fd00::/64"),
        ("fd00::2/64 fd00::3/64", "", "x.conf has 2 IPv6 addresses"),
    ],
)
def test_subnet_that_does_not_is_refused(own: str, subnets: str, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_subnets("x.conf", interfaces(own), subnets.split())
    assert said in str(caught.value)
