"""A container that doesn't ask its configuration's DNS servers is told of, with the remedy."""

from ipaddress import ip_address

import pytest

from wgplugin.networks.dns import advice

DNS = [ip_address("10.64.0.1"), ip_address("fd64::1")]


@pytest.mark.parametrize("asked", [(), ("9.9.9.9",)])
def test_advice_has_the_flags_and_the_line_for_compose(asked: tuple[str, ...]) -> None:
    text = advice("x.conf", DNS, asked)
    assert text
    assert "x.conf names DNS 10.64.0.1, fd64::1" in text
    assert "--dns 10.64.0.1 --dns fd64::1" in text
    assert "dns: [10.64.0.1, fd64::1]" in text


@pytest.mark.parametrize("given", [["10.64.0.1"], ["9.9.9.9", "fd64::1"]])
def test_container_that_asks_one_of_the_servers_needs_no_advice(given: list[str]) -> None:
    assert advice("x.conf", DNS, given) is None


def test_file_without_dns_needs_no_advice() -> None:
    assert advice("x.conf", [], ()) is None
