"""A container that doesn't ask its configuration's DNS servers is told of, with the remedy."""

from ipaddress import ip_address

import pytest

from wgplugin.networks.dns import advice

DNS = [ip_address("10.64.0.1"), ip_address("fd64::1")]


@pytest.mark.parametrize("asked", [(), ("9.9.9.9",)])
def test_advice_has_the_flags_and_the_line_for_compose(asked: tuple[str, ...]) -> None:
    text = advice("x.conf", DNS, asked, (4, 6))
    assert text
    assert "x.conf names DNS 10.64.0.1, fd64::1" in text
    assert "--dns 10.64.0.1 --dns fd64::1" in text
    assert "dns: [10.64.0.1, fd64::1]" in text


@pytest.mark.parametrize("given", [["10.64.0.1"], ["9.9.9.9", "fd64::1"]])
def test_container_that_asks_one_of_the_servers_needs_no_advice(given: list[str]) -> None:
    assert advice("x.conf", DNS, given, (4, 6)) is None


def test_file_without_dns_needs_no_advice() -> None:
    assert advice("x.conf", [], (), (4, 6)) is None


def test_host_without_ipv6_leaves_out_the_ipv6_servers() -> None:
    text = advice("x.conf", DNS, (), (4,))
    assert text
    assert "--dns 10.64.0.1" in text
    assert "fd64::1" not in text


def test_ipv6_servers_alone_cannot_be_asked_by_a_host_without_ipv6() -> None:
    text = advice("x.conf", DNS[1:], ("fd64::1",), (4,))
    assert text
    assert "add an IPv4 server to DNS" in text
