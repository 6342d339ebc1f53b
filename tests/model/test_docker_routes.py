"""The routes of a container: exactly the AllowedIPs, in the form that every Docker sets."""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wgplugin.model.docker_routes import NEXT_HOPS, DockerRoute, plan
from wgplugin.model.prefixes import Prefix, blackhole_address, blackholed, full_families

V4_HOP = "169.254.1.1/32"
V6_HOP = "fe80::99/128"


def planned(addresses: str, allowed_ips: str, bypass: str = "") -> list[str]:
    """Return the plan in words: "NET", or "NET via" for one by the next hop."""
    routes = plan(
        [ip_interface(text) for text in addresses.split()],
        [ip_network(text) for text in allowed_ips.split()],
        [ip_network(text) for text in bypass.split()],
    )
    return [f"{route.destination}{' via' if route.next_hop else ''}" for route in routes]


@pytest.mark.parametrize(
    ("addresses", "allowed_ips", "expected"),
    [
        ("10.0.0.2/32", "", []),
        ("10.0.0.2/32", "10.1.0.0/16 192.0.2.1/32", ["10.1.0.0/16", "192.0.2.1/32"]),
        ("10.0.0.2/32", "0.0.0.0/0", [V4_HOP, "0.0.0.0/1 via", "128.0.0.0/1 via"]),
        ("fd00::2/128", "::/0", [V6_HOP, "::/1 via", "8000::/1 via"]),
        ("10.0.0.2/32", "0.0.0.0/1 128.0.0.0/1", [V4_HOP, "0.0.0.0/1 via", "128.0.0.0/1"]),
        ("10.0.0.2/32", "0.0.0.0/0 0.0.0.0/1", [V4_HOP, "0.0.0.0/1 via", "128.0.0.0/1 via"]),
        ("10.0.0.2/32", "0.0.0.0/5", [V4_HOP, "0.0.0.0/5 via"]),
        ("10.0.0.2/32", "169.254.1.1/32 0.0.0.0/8", [V4_HOP, "0.0.0.0/8 via"]),
        ("10.0.0.2/24", "10.0.0.0/24 10.0.1.0/24", ["10.0.1.0/24"]),
        ("10.0.0.2/24", "10.0.0.0/24 10.0.0.0/25", ["10.0.0.0/25"]),
        ("10.0.0.2/32", "10.0.0.0/8 10.0.0.0/8", ["10.0.0.0/8"]),
        ("10.0.0.2/32", "::/0 fd00::/8 10.0.0.0/8", ["10.0.0.0/8"]),
        ("10.0.0.2/32", "0.0.0.0/0 128.0.0.0/1", [V4_HOP, "0.0.0.0/1 via", "128.0.0.0/1 via"]),
        ("10.0.0.2/32", "128.0.0.0/1 0.0.0.0/0", [V4_HOP, "128.0.0.0/1 via", "0.0.0.0/1 via"]),
        ("fd00::2/128", "10.0.0.0/8 fd01::/16", ["10.0.0.0/8", "fd01::/16"]),
        ("169.254.1.2/24", "0.0.0.0/1", [V4_HOP, "0.0.0.0/1 via"]),
        ("10.0.0.1/1", "0.0.0.0/1", []),
    ],
)
def test_plan(addresses: str, allowed_ips: str, expected: list[str]) -> None:
    assert planned(addresses, allowed_ips) == expected


BYPASSES = [
    ("0.0.0.0/0", "192.0.0.0/2", [V4_HOP, "0.0.0.0/1 via", "128.0.0.0/2 via"]),
    ("0.0.0.0/0", "0.0.0.0/0", []),
    ("10.0.0.0/8", "10.128.0.0/9", ["10.0.0.0/9"]),
    ("10.0.0.0/8", "10.0.0.0/8", []),
    ("10.0.0.0/8 10.1.0.0/16", "10.0.0.0/9", ["10.128.0.0/9"]),
    ("10.0.0.0/8", "192.168.0.0/16 fd00::/8", ["10.0.0.0/8"]),
    ("10.0.0.0/8", "10.0.0.0/10 10.192.0.0/10", ["10.64.0.0/10", "10.128.0.0/10"]),
]


@pytest.mark.parametrize(("allowed_ips", "bypass", "expected"), BYPASSES)
def test_bypass_is_taken_out(allowed_ips: str, bypass: str, expected: list[str]) -> None:
    assert planned("10.8.0.2/32", allowed_ips, bypass) == expected


@pytest.mark.parametrize(
    ("allowed_ips", "families"),
    [
        ("", set()),
        ("10.0.0.0/8 fd00::/8", set()),
        ("0.0.0.0/0", {4}),
        ("::/0", {6}),
        ("0.0.0.0/0 ::/0", {4, 6}),
        ("0.0.0.0/1 128.0.0.0/1", {4}),
        ("::/1 8000::/2 c000::/2 10.0.0.0/8", {6}),
        ("0.0.0.0/1 128.0.0.0/2", set()),
    ],
)
def test_full_tunnel_is_known_in_whatever_pieces(allowed_ips: str, families: set[int]) -> None:
    nets = [ip_network(text) for text in allowed_ips.split()]
    assert full_families(nets) == families
    assert bool(blackholed(nets)) == bool(families)


def test_blackhole_address_is_local_and_of_one_endpoint() -> None:
    addresses = {blackhole_address(endpoint_id) for endpoint_id in ("e1", "e2", "e1")}
    assert len(addresses) == 2
    assert all(address in ip_network("fd00::/8") for address in addresses)


networks = st.one_of(
    st.sampled_from(
        [ip_network(text) for text in ("0.0.0.0/0", "128.0.0.0/1", "::/0", "8000::/1")]
    ),
    st.builds(
        lambda bits, length: IPv4Network((bits, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda bits, length: IPv6Network((bits, length), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)
ADDRESSES = (ip_interface("10.8.0.2/24"), ip_interface("fd08::2/64"))


def routed(routes: tuple[DockerRoute, ...], hops: bool) -> set[Prefix]:
    on_link = {ip_network(hop) for hop in NEXT_HOPS.values()}
    return {route.destination for route in routes if hops or route.destination not in on_link}


@given(st.lists(networks))
def test_no_destination_is_given_twice(allowed_ips: list[Prefix]) -> None:
    destinations = [route.destination for route in plan(ADDRESSES, allowed_ips)]
    assert len(destinations) == len(set(destinations))


@given(st.lists(networks))
def test_nothing_that_docker_drops_is_given_on_link(allowed_ips: list[Prefix]) -> None:
    for route in plan(ADDRESSES, allowed_ips):
        assert route.next_hop or int(route.destination.network_address)


@given(st.lists(networks))
def test_no_default_route_is_given(allowed_ips: list[Prefix]) -> None:
    assert all(route.destination.prefixlen for route in plan(ADDRESSES, allowed_ips))


@given(st.lists(networks), st.lists(networks, max_size=3), networks)
def test_routes_are_the_allowed_ips_without_the_bypass(
    allowed_ips: list[Prefix], bypass: list[Prefix], probe: Prefix
) -> None:
    routes = plan(ADDRESSES, allowed_ips, bypass)
    address = probe.network_address
    assume(not any(address in interface.network for interface in ADDRESSES))
    is_routed = any(address in net for net in routed(routes, hops=False))
    is_allowed = any(address in net for net in allowed_ips)
    is_bypassed = any(address in net for net in bypass)
    assert is_routed == (is_allowed and not is_bypassed)
