"""Connections that go elsewhere than published ports lead to are known."""

from ipaddress import ip_address

import pytest

from wgplugin.kernel.connections import Connection, Place, is_stale
from wgplugin.model.prefixes import IPAddress


def place(address: str, number: int) -> Place:
    found: IPAddress = ip_address(address)
    return found, number


HOST, OTHER = "192.0.2.1", "198.51.100.1"
OWN, BEFORE, DOCKER_S = "169.254.192.5", "169.254.192.6", "172.17.0.2"
PORTS = {8080: [place(OWN, 80)], 8081: []}
"""The ports of the host: one that is published, and one that was until now."""


@pytest.mark.parametrize(
    ("asked", "answering", "expected"),
    [
        (place(HOST, 8080), place(OWN, 80), False),
        (place(HOST, 8080), place(OWN, 81), True),
        (place(HOST, 8080), place(BEFORE, 80), True),
        (place(HOST, 8080), place(HOST, 8080), True),
        (place(HOST, 8080), place(DOCKER_S, 80), False),
        (place(OTHER, 8080), place(OTHER, 8080), False),
        (place(HOST, 8081), place(BEFORE, 80), True),
        (place(HOST, 8081), place(HOST, 8081), False),
        (place(HOST, 9), place(BEFORE, 80), False),
        (place(HOST, 9), place(HOST, 9), False),
    ],
    ids=[
        *("as-published", "port-before", "container-before", "not-published-before"),
        *("docker's", "another-host's", "not-published-any-more", "host's"),
        *("another-plugin's", "not-published"),
    ],
)
def test_connection_is_stale_if_it_goes_where_its_port_led_before(
    asked: Place, answering: Place, expected: bool
) -> None:
    assert is_stale(Connection(asked, answering, b""), PORTS, [ip_address(HOST)]) == expected
