"""On a host without IPv6 the IPv4 half of a configuration works; what can't be is named."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network

import pytest

from wgplugin.codes import Code
from wgplugin.conf import parser
from wgplugin.errors import PluginError
from wgplugin.model.attachment import attachment, container_addresses, container_plan, warnings
from wgplugin.model.configuration import InterfaceConfig, TunnelSettings
from wgplugin.model.prefixes import blackhole_address
from wgplugin.model.without_ipv6 import check_endpoints, check_network, left_out

BOTH, IPV4 = (4, 6), (4,)
TUNNEL = TunnelSettings()
KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="


def file(
    address: str = "10.8.0.2/32", allowed_ips: str = "0.0.0.0/0", endpoint: str = "192.0.2.1:1"
) -> InterfaceConfig:
    addresses = f"Address = {address}\n" if address else ""
    text = (
        f"[Interface]\nPrivateKey = {KEY}\n{addresses}"
        f"[Peer]\nPublicKey = {KEY}\nEndpoint = {endpoint}\nAllowedIPs = {allowed_ips}\n"
    )
    return parser.parse(text.encode(), "x.conf")


def addresses(config: InterfaceConfig, own: str = "", assigned: str = "") -> list[str]:
    found = container_addresses(
        "x.conf",
        config,
        TUNNEL,
        blackhole_address("e1"),
        [ip_interface(word) for word in own.split()],
        [ip_interface(word) for word in assigned.split()],
        IPV4,
    )
    return [str(address) for address in found]


@pytest.mark.parametrize(
    ("address", "own", "assigned", "expected"),
    [
        ("10.8.0.2/32", "", "", ["10.8.0.2/32"]),
        ("10.8.0.2/32, fd08::2/128", "", "", ["10.8.0.2/32"]),
        ("fd08::2/128", "10.8.0.7/32 fd08::7/128", "", ["10.8.0.7/32"]),
        ("fd08::2/128", "", "10.9.0.2/24", ["10.9.0.2/24"]),
    ],
)
def test_container_has_only_ipv4_addresses(
    address: str, own: str, assigned: str, expected: list[str]
) -> None:
    assert addresses(file(address), own, assigned) == expected


@pytest.mark.parametrize(
    ("address", "own", "assigned", "said"),
    [
        ("fd08::2/128", "", "", "x.conf has only IPv6 addresses (fd08::2/128), and this host has"),
        ("10.8.0.2/32", "fd08::7/128", "", "wireguard-address has only IPv6 addresses"),
        ("", "", "10.9.0.2/24 fd09::2/64", "create the network anew without --ipv6"),
    ],
)
def test_container_that_must_have_ipv6_is_refused(
    address: str, own: str, assigned: str, said: str
) -> None:
    with pytest.raises(PluginError) as caught:
        addresses(file(address), own, assigned)
    assert said in str(caught.value)
    assert caught.value.code is Code.NO_IPV6


@pytest.mark.parametrize("allowed_ips", ["0.0.0.0/0", "0.0.0.0/0, ::/0", "::/0"])
def test_full_tunnel_routes_all_ipv4_and_nothing_else(allowed_ips: str) -> None:
    config = file(allowed_ips=allowed_ips)
    mine = [ip_interface(each) for each in addresses(config)]
    routes = {str(route.destination) for route in attachment(config, mine, TUNNEL).routes}
    assert routes == {"169.254.1.1/32", "0.0.0.0/1", "128.0.0.0/1"}
    tunnel = TunnelSettings(bypass=(ip_network("192.168.0.0/16"), ip_network("fc00::/7")))
    plan = container_plan("e1", "n1", "x", config, mine, tunnel, IPV4)
    assert plan.routed == (ip_network("0.0.0.0/0"),)
    assert plan.bypass == (ip_network("192.168.0.0/16"),)


@pytest.mark.parametrize(
    ("config", "subnets", "said"),
    [
        (file("fd08::2/128"), "", "x.conf has only IPv6 addresses (fd08::2/128)"),
        (file(""), "10.9.0.0/24 fd09::/64", "the network has the IPv6 subnet fd09::/64"),
        (file(endpoint="[2001:db8::5]:1"), "", "x.conf: the endpoint 2001:db8::5 has no IPv4"),
    ],
)
def test_network_that_must_have_ipv6_is_refused(
    config: InterfaceConfig, subnets: str, said: str
) -> None:
    nets = [ip_network(subnet) for subnet in subnets.split()]
    with pytest.raises(PluginError) as caught:
        check_network("x.conf", config, nets, IPV4)
    assert said in str(caught.value)
    assert caught.value.code is Code.NO_IPV6
    check_network("x.conf", config, nets, BOTH)


def test_network_whose_ipv4_address_comes_from_docker_is_accepted() -> None:
    check_network("x.conf", file("fd08::2/128"), [ip_network("10.9.0.0/24")], IPV4)


def test_endpoint_that_is_a_name_is_not_judged_before_its_look_up() -> None:
    check_endpoints("x.conf", file(endpoint="vpn.example:1"), IPV4)


def test_warning_lists_what_is_left_out() -> None:
    nets = ", ".join(f"fd{number:02}::/64" for number in range(5))
    config = file("10.8.0.2/32, fd08::2/128", f"0.0.0.0/0, {nets}")
    tunnel = TunnelSettings(bypass=(ip_network("fc00::/7"),))
    (text,) = left_out("x.conf", config, tunnel, IPV4)
    assert text == (
        "x.conf: this host has no IPv6, so this is left out: Address fd08::2/128; AllowedIPs "
        "fd00::/64, fd01::/64, fd02::/64 and 2 more; wireguard-bypass fc00::/7 [WG412]"
    )
    assert left_out("x.conf", config, tunnel, BOTH) == ()


def test_file_of_ipv4_alone_needs_no_warning() -> None:
    assert left_out("x.conf", file(), TUNNEL, IPV4) == ()


def test_container_without_ipv6_address_is_warned_of_only_where_it_could_have_one() -> None:
    config = file(allowed_ips="0.0.0.0/0, ::/0")
    assert warnings("x.conf", config, (), IPV4) == ()
    assert len(warnings("x.conf", config, (), BOTH)) == 1
