"""Published ports, links and their names, addresses and numbers, as values."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import addresses
from wgplugin.model.published import (
    HOST_ADDRESSES,
    LINK_NAME,
    NUMBERS,
    PortBinding,
    PublishedPort,
    free_number,
    link_addresses,
    link_name,
    number_of,
    read,
)

numbers = st.integers(1, 65535)
protocols = st.sampled_from(["tcp", "udp", "sctp"])
ports = st.builds(PublishedPort, protocols, numbers, numbers, st.none() | addresses)
few = st.builds(
    PublishedPort,
    st.sampled_from(["tcp", "udp"]),
    st.integers(1, 3),
    st.just(80),
    st.sampled_from([None, *map(ip_address, ("0.0.0.0", "10.0.0.1", "10.0.0.2", "::", "::1"))]),
)


def port(text: str) -> PublishedPort:
    return read(text)


# Text


@given(ports)
def test_port_is_read_as_it_was_written(each: PublishedPort) -> None:
    assert read(str(each)) == each


@pytest.mark.parametrize(
    ("text", "of_host"),
    [
        ("8080:80/tcp", "8080/tcp"),
        ("127.0.0.1:53:5353/udp", "127.0.0.1:53/udp"),
        ("[::1]:8080:80/sctp", "[::1]:8080/sctp"),
    ],
)
def test_port_of_the_host_is_named_with_its_address_and_protocol(text: str, of_host: str) -> None:
    assert port(text).of_host == of_host


@pytest.mark.parametrize("text", ["80/tcp", "80:80", "80:80/icmp", "x:80:80/tcp", "1:80:80:80"])
def test_text_of_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text[:1])):
        read(text)


# Whether two can be at a time


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("8080:80/tcp", "8080:81/tcp", True),
        ("8080:80/tcp", "8081:80/tcp", False),
        ("8080:80/tcp", "8080:80/udp", False),
        ("8080:80/tcp", "127.0.0.1:8080:80/tcp", True),
        ("127.0.0.1:8080:80/tcp", "127.0.0.2:8080:80/tcp", False),
        ("0.0.0.0:8080:80/tcp", "127.0.0.2:8080:80/tcp", True),
        ("[::]:8080:80/tcp", "127.0.0.2:8080:80/tcp", False),
        ("[::]:8080:80/tcp", "[fd00::1]:8080:80/tcp", True),
        ("[::]:8080:80/tcp", "0.0.0.0:8080:80/tcp", False),
    ],
)
def test_ports_overlap_by_protocol_number_and_address(one: str, other: str, expected: bool) -> None:
    assert port(one).overlaps(port(other)) is expected
    assert port(other).overlaps(port(one)) is expected


@given(few, few)
def test_binding_of_one_port_may_take_what_overlaps_it(
    one: PublishedPort, other: PublishedPort
) -> None:
    asked = PortBinding(one.protocol, 9, one.address, one.host_port, one.host_port)
    assert asked.may_take(other) is one.overlaps(other)


@pytest.mark.parametrize(("first", "last"), [(1, 3), (2, 2), (1, 2), (2, 9)])
def test_binding_may_take_any_port_of_its_range(first: int, last: int) -> None:
    assert PortBinding("tcp", 80, first=first, last=last).may_take(port("2:9/tcp"))


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 1), (3, 9)])
def test_binding_takes_no_port_out_of_its_range(first: int, last: int) -> None:
    assert not PortBinding("tcp", 80, first=first, last=last).may_take(port("2:9/tcp"))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (PortBinding("tcp", 80), True),
        (PortBinding("tcp", 80, first=8080, last=8080), True),
        (PortBinding("tcp", 80, first=8000, last=8090), True),
        (PortBinding("tcp", 80, first=8081, last=8090), False),
        (PortBinding("tcp", 81), False),
        (PortBinding("udp", 80), False),
        (PortBinding("tcp", 80, ip_address("127.0.0.1")), False),
    ],
)
def test_binding_is_met_by_a_port_that_it_may_have_got(asked: PortBinding, expected: bool) -> None:
    assert asked.is_met_by(port("8080:80/tcp")) is expected


# Links


@given(st.text())
def test_link_has_a_name_that_linux_takes(identity: str) -> None:
    assert LINK_NAME.fullmatch(link_name(identity))
    assert len(link_name(identity)) == 15


@given(st.sampled_from(NUMBERS))
def test_number_is_that_of_its_addresses_which_are_on_one_link_with_the_host_s(number: int) -> None:
    found = link_addresses(number, (4, 6))
    assert [number_of(each.ip) for each in found] == [number, number]
    assert all(each.network.num_addresses == 1 for each in found)
    assert all(each.ip.is_link_local for each in found if each.version == 4)
    assert all(each.ip.is_private for each in found)
    assert not {each.ip for each in found} & {each.ip for each in HOST_ADDRESSES}


@pytest.mark.parametrize("text", ["169.254.192.1", "169.254.192.0", "10.0.0.2", "::2", "fd77::2"])
def test_other_address_has_no_number(text: str) -> None:
    assert number_of(ip_address(text)) == 0


def test_addresses_are_of_the_families_that_are_asked_for() -> None:
    assert [each.version for each in link_addresses(5, (6,))] == [6]
    assert link_addresses(5, ()) == ()


@given(st.text(), st.sets(st.sampled_from(NUMBERS)))
def test_free_number_is_nobody_s(identity: str, taken: set[int]) -> None:
    number = free_number(identity, taken)
    assert number in NUMBERS
    assert number not in taken


def test_last_number_is_found_and_none_after_it() -> None:
    for last in (NUMBERS[0], NUMBERS[-1], NUMBERS[77]):
        assert free_number("e1", set(NUMBERS) - {last}) == last
    assert free_number("e1", set(NUMBERS)) == 0


def test_number_that_got_free_is_not_the_next_one_s() -> None:
    first = free_number("e1", ())
    assert free_number("e2", ()) != first
    assert free_number("e1", ()) == first
