"""A shared network: what its router and its containers get."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.model.sharing import (
    BOTH,
    BOTH_ROUTERS,
    CONTAINER,
    IPV4,
    ROUTER,
    file,
    interfaces,
    settings,
)
from tests.strategies import networks
from wgplugin.errors import PluginError
from wgplugin.model import shared
from wgplugin.model.attachment import Attachment
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.identity import device_name, network_number
from wgplugin.model.namespace import Plan, Route, items
from wgplugin.model.prefixes import InterfaceAddress, Prefix, blackhole_address, full_families
from wgplugin.model.router import Forward, RouterPlan

EVERYTHING = ip_network("0.0.0.0/0")


def addresses(
    config: InterfaceConfig,
    assigned: str,
    families: Any = BOTH,
    endpoint_id: str = "e1",
    **texts: str,
) -> tuple[InterfaceAddress, ...]:
    given = (endpoint_id, "n1", interfaces(assigned), families)
    return shared.member_addresses("x.conf", config, settings(**texts), *given)


def routes(
    config: InterfaceConfig, assigned: str = CONTAINER, routers: str = ROUTER, **texts: str
) -> Attachment:
    mine = addresses(config, assigned, **texts)
    return shared.member_routes(config, mine, settings(**texts), interfaces(routers))


def in_words(found: Attachment) -> list[str]:
    """Return routes as "NET", or "NET via HOP"."""
    return [
        f"{route.destination}{f' via {route.next_hop}' if route.next_hop else ''}"
        for route in found.routes
    ]


def plan(
    config: InterfaceConfig,
    assigned: str = CONTAINER,
    routers: str = ROUTER,
    families: Any = BOTH,
    **texts: str,
) -> Plan:
    mine = addresses(config, assigned, families, **texts)
    return shared.member_plan(
        "e1", "n1", "x", config, mine, settings(**texts), interfaces(routers), families
    )


# Its router


def router(
    config: InterfaceConfig, families: Any = BOTH, internal: bool = False, **texts: str
) -> RouterPlan:
    own = (Forward(53, ip_address("172.20.0.7"), 53, "udp"),)
    return shared.router_plan(
        "n1",
        interfaces(BOTH_ROUTERS),
        config,
        settings(**texts),
        families,
        own,
        internal=internal,
        mtu=1380,
    )


def test_router_has_what_the_file_and_the_settings_say() -> None:
    config = file("0.0.0.0/0, ::/0, 0.0.0.0/0", "10.8.0.2/32, fd08::2/128")
    found = router(config, isolate="on", nat="off", forward="80:172.20.0.2:8080")
    assert found == RouterPlan(
        device=device_name("n1"),
        owner=network_number("n1"),
        gateways=interfaces(BOTH_ROUTERS),
        addresses=interfaces("10.8.0.2/32 fd08::2/128"),
        routed=(ip_network("0.0.0.0/0"), ip_network("::/0")),
        mtu=1380,
        nat=False,
        isolate=True,
        forwards=(
            Forward(80, ip_address("172.20.0.2"), 8080),
            Forward(53, ip_address("172.20.0.7"), 53, "udp"),
        ),
    )


def test_router_of_an_internal_network_has_no_way_into_the_tunnel_or_out_of_it() -> None:
    found = router(file(), internal=True)
    assert (found.routed, found.forwards, found.internal) == ((), (), True)


def test_router_routes_nothing_with_table_off() -> None:
    assert router(replace(file(), routes=False)).routed == ()


def test_router_leaves_out_ipv6_on_a_host_without_it() -> None:
    config = file("0.0.0.0/0, ::/0", "10.8.0.2/32, fd08::2/128")
    found = router(config, IPV4, forward="80:[fd20::2]:80")
    values = (*found.gateways, *found.addresses, *found.routed)
    assert {value.version for value in values} == {4}
    assert [forward.port for forward in found.forwards] == [53]


# Its containers


def test_container_has_the_addresses_that_docker_assigned() -> None:
    assert addresses(file("10.0.0.0/8"), CONTAINER) == interfaces(CONTAINER)
    both = f"{CONTAINER} fd20::2/64"
    assert addresses(file(), both) == interfaces(both)


@pytest.mark.parametrize(
    ("config", "assigned", "families", "texts", "made_up"),
    [
        (file(), CONTAINER, BOTH, {}, 1),
        (file("0.0.0.0/0, ::/0", "10.8.0.2/32, fd08::2/128"), CONTAINER, BOTH, {}, 1),
        (file(), CONTAINER, BOTH, {"sink": "off"}, 0),
        (file(), CONTAINER, IPV4, {}, 0),
        (file(), f"{CONTAINER} fd20::2/64", BOTH, {}, 0),
        (file("10.0.0.0/8"), CONTAINER, BOTH, {}, 0),
    ],
)
def test_container_has_a_made_up_ipv6_address_where_leak_protection_needs_it(
    config: InterfaceConfig, assigned: str, families: Any, texts: dict[str, str], made_up: int
) -> None:
    found = addresses(config, assigned, families, **texts)
    assert len(found) == len(assigned.split()) + made_up
    assert all(address in ip_network("fd00::/8") for address in found[len(assigned.split()) :])


def test_container_without_an_address_is_told_of_the_ipam_driver() -> None:
    with pytest.raises(PluginError, match="without --ipam-driver null"):
        addresses(file(), "")


@pytest.mark.parametrize(
    ("allowed_ips", "assigned", "routers", "texts", "expected"),
    [
        (
            "0.0.0.0/0",
            CONTAINER,
            ROUTER,
            {},
            [
                "fe80::99/128",
                "0.0.0.0/1 via 172.20.0.1",
                "128.0.0.0/1 via 172.20.0.1",
                "::/1 via fe80::99",
                "8000::/1 via fe80::99",
            ],
        ),
        (
            "0.0.0.0/0, ::/0",
            f"{CONTAINER} fd20::2/64",
            BOTH_ROUTERS,
            {},
            [
                "0.0.0.0/1 via 172.20.0.1",
                "128.0.0.0/1 via 172.20.0.1",
                "::/1 via fd20::1",
                "8000::/1 via fd20::1",
            ],
        ),
        ("10.0.0.0/8", CONTAINER, ROUTER, {}, ["10.0.0.0/8 via 172.20.0.1"]),
        ("10.0.0.0/8, fd00::/8", CONTAINER, ROUTER, {}, ["10.0.0.0/8 via 172.20.0.1"]),
        (
            "10.0.0.0/8",
            CONTAINER,
            ROUTER,
            {"bypass": "10.0.0.0/9"},
            ["10.128.0.0/9 via 172.20.0.1"],
        ),
        (
            "172.20.0.0/15",
            CONTAINER,
            ROUTER,
            {"bypass": "172.21.0.0/16"},
            [],
        ),
        (
            "10.0.0.0/8",
            "10.1.0.2/16",
            "172.20.0.1/16 10.1.0.1/16",
            {},
            ["10.0.0.0/8 via 10.1.0.1"],
        ),
        (
            "::/0",
            "fd20::2/64",
            "fd20::1/64",
            {},
            [
                "169.254.1.1/32",
                "::/1 via fd20::1",
                "8000::/1 via fd20::1",
                "0.0.0.0/1 via 169.254.1.1",
                "128.0.0.0/1 via 169.254.1.1",
            ],
        ),
    ],
)
def test_routes_of_a_container_lead_to_its_router(
    allowed_ips: str, assigned: str, routers: str, texts: dict[str, str], expected: list[str]
) -> None:
    found = routes(file(allowed_ips), assigned, routers, **texts)
    assert (sorted(in_words(found)), found.gateways) == (sorted(expected), ())
    on_link = [route for route in found.routes if route.next_hop is None]
    assert on_link == list(found.routes[: len(on_link)])


def test_default_gateways_are_the_router_s() -> None:
    config = file("0.0.0.0/0, ::/0, 10.0.0.0/8")
    found = routes(config, f"{CONTAINER} fd20::2/64", BOTH_ROUTERS, default="gateway")
    assert list(map(str, found.gateways)) == ["172.20.0.1", "fd20::1"]
    assert in_words(found) == ["10.0.0.0/8 via 172.20.0.1"]
    found = routes(config, default="gateway")
    assert list(map(str, found.gateways)) == ["172.20.0.1"]


def test_table_off_gives_a_container_no_routes() -> None:
    found = routes(replace(file(), routes=False))
    assert (found.routes, found.gateways) == ((), ())


def test_plan_of_a_container_has_its_router_and_all_subnets() -> None:
    config = file("0.0.0.0/0, ::/0")
    found = plan(
        config,
        f"{CONTAINER} fd20::2/64",
        "172.20.0.1/16 10.1.0.1/16 fd20::1/64",
        bypass="192.168.0.0/16",
        priority="7",
        disconnect="open",
    )
    assert found == Plan(
        device=device_name("e1"),
        owner=network_number("n1"),
        addresses=interfaces(f"{CONTAINER} fd20::2/64"),
        routed=(ip_network("0.0.0.0/0"), ip_network("::/0")),
        bypass=(ip_network("192.168.0.0/16"),),
        dns=found.dns,
        domains=("example.net",),
        priority=7,
        configuration="x",
        opens=True,
        hops=(ip_address("172.20.0.1"), ip_address("fd20::1")),
        subnets=tuple(map(ip_network, ("172.20.0.0/16", "10.1.0.0/16", "fd20::/64"))),
    )
    assert str(found.dns) == "10.8.0.1"
    assert plan(config, default="gateway").own_table is False


def test_containers_reach_each_other_s_made_up_addresses_which_docker_s_resolver_tells() -> None:
    config = of(file(), [ip_network("0.0.0.0/0"), ip_network("::/0")])
    (*_, first), (*_, second) = (addresses(config, CONTAINER, endpoint_id=e) for e in ("e1", "e2"))
    assert first.version == second.version == 6
    assert first.ip != second.ip
    assert first.network in plan(config).subnets
    assert second.ip in first.network


def test_made_up_address_has_the_router_s_link_local_one_as_its_next_hop() -> None:
    assert list(map(str, plan(file()).hops)) == ["172.20.0.1", "fe80::99"]


def test_ipv4_is_blocked_where_the_router_has_none() -> None:
    found = plan(file("::/0"), "fd20::2/64", "fd20::1/64")
    of_ipv4 = [
        each for each in items(found, BOTH) if getattr(each, "destination", None) == EVERYTHING
    ]
    assert [each.kind for each in of_ipv4 if isinstance(each, Route)] == ["unreachable"]


def test_container_has_no_ipv6_on_a_host_without_it() -> None:
    found = plan(file("0.0.0.0/0, ::/0"), families=IPV4, bypass="fd00::/8")
    assert found.routed == (ip_network("0.0.0.0/0"),)
    assert (found.bypass, [hop.version for hop in found.hops]) == ((), [4])


nets = st.lists(networks(), max_size=6)


def of(config: InterfaceConfig, allowed_ips: list[Prefix]) -> InterfaceConfig:
    return replace(config, peers=(replace(config.peers[0], allowed_ips=tuple(allowed_ips)),))


def expected(allowed: list[Prefix], bypass: list[Prefix], address: Any) -> bool:
    """Return whether an address must be routed to the router."""
    allows = bool(full_families(allowed)) or any(address in net for net in allowed)
    return allows and not any(address in net for net in bypass)


@given(nets, st.lists(networks(), max_size=3), networks(), st.booleans())
def test_routes_to_the_router_are_the_allowed_ips_and_the_sink_without_the_bypass(
    allowed: list[Prefix], bypass: list[Prefix], probe: Prefix, dual: bool
) -> None:
    config = of(file(), allowed)
    tunnel = TunnelSettings(mode="shared", bypass=tuple(bypass))
    assigned = interfaces(f"{CONTAINER} fd20::2/64" if dual else CONTAINER)
    routers = interfaces(BOTH_ROUTERS if dual else ROUTER)
    mine = shared.member_addresses("x.conf", config, tunnel, "e1", "n1", assigned, BOTH)
    found = shared.member_routes(config, mine, tunnel, routers)
    address = probe.network_address
    assume(not any(address in each.network for each in mine))
    has_family = address.version in {each.version for each in mine}
    routed = any(address in route.destination for route in found.routes if route.next_hop)
    assert routed == (has_family and expected(allowed, bypass, address))
    hops = shared.next_hops(mine, routers)
    for route in found.routes:
        assert route.next_hop in (hops[route.destination.version], None)
        assert route.next_hop or route.destination == ip_network("fe80::99/128")


@given(nets, st.lists(networks(), max_size=3))
def test_every_allowed_ip_is_planned_or_bypassed_and_nothing_else_is(
    allowed: list[Prefix], bypass: list[Prefix]
) -> None:
    config = of(file(), allowed)
    tunnel = TunnelSettings(mode="shared", bypass=tuple(bypass))
    routers = interfaces(BOTH_ROUTERS)
    mine = interfaces(f"{CONTAINER} fd20::2/64")
    found = shared.member_plan("e1", "n1", "x", config, mine, tunnel, routers, BOTH)
    subnets = {router.network for router in routers}
    whole = {ip_network("0.0.0.0/0"), ip_network("::/0")}
    assert set(found.inside) <= {*allowed, *subnets, *whole}
    for net in (*allowed, *subnets):
        covered = any(
            hole.version == net.version and net.subnet_of(hole)  # type: ignore[arg-type]
            for hole in bypass
        )
        assert (net in found.inside) != covered
    for each in items(found, BOTH):
        if isinstance(each, Route) and each.kind == "device":
            on_link = each.destination in subnets
            assert (each.via is None) == on_link
            assert on_link or each.via in found.hops


# MAC addresses


def test_mac_address_is_made_of_the_ipv4_address_as_docker_did() -> None:
    assert shared.mac_address(interfaces(CONTAINER)) == "02:42:ac:14:00:02"
    assert shared.mac_address(interfaces(f"fd20::2/64 {CONTAINER}")) == "02:42:ac:14:00:02"


def test_mac_address_without_ipv4_is_the_same_for_the_same_address() -> None:
    one, same, other = (
        shared.mac_address(interfaces(text)) for text in ("fd20::2/64", "fd20::2/64", "fd20::3/64")
    )
    assert one == same != other
    assert one.startswith("02:42:")
    assert len(one) == 17


def test_published_ports_reach_one_address_of_each_family() -> None:
    several = interfaces("fd20::2/64 172.20.0.2/16 172.21.0.2/16 fd20::3/64")
    assert shared.targets(several) == ("fd20::2", "172.20.0.2")
    assert shared.targets(interfaces(CONTAINER)) == ("172.20.0.2",)


def test_router_is_in_the_subnet_of_made_up_addresses_if_ports_lead_there() -> None:
    made_up = blackhole_address("e1", "n1")
    (gateway,) = shared.made_up_gateways("n1", (ip_address("172.20.0.2"), made_up.ip))
    assert gateway.network == made_up.network
    assert gateway.ip != made_up.ip
    assert shared.made_up_gateways("n1", (ip_address("172.20.0.2"), ip_address("fd20::2"))) == ()
