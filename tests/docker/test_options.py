"""The options of a network and of a container: known ones are read, the others refused."""

from typing import Any

import pytest

from wgplugin.codes import Code
from wgplugin.docker.options import NetworkOptions, endpoint_options, network_options
from wgplugin.errors import PluginError

GENERIC = "com.docker.network.generic"
MTU = "com.docker.network.driver.mtu"


@pytest.mark.parametrize("name", ["mynet-1", "US.East_2", "a" * 64, "..", "=+."])
def test_configuration_is_a_name(name: str) -> None:
    options = {GENERIC: {"wireguard-config": name}}
    assert network_options(options) == NetworkOptions(configuration=name, tunnel={})


@pytest.mark.parametrize(
    ("given", "pool"),
    [
        ("vpn-a,vpn-b", "vpn-a,vpn-b"),
        ("vpn-a, vpn-b", "vpn-a,vpn-b"),
        ("vpn-a,vpn-b,vpn-a", "vpn-a,vpn-b"),
        ("mullvad-*", "mullvad-*"),
        ("home,vpn-[a-c]?,[!x]*", "home,vpn-[a-c]?,[!x]*"),
    ],
)
def test_configuration_is_a_pool(given: str, pool: str) -> None:
    options = {GENERIC: {"wireguard-config": given}}
    assert network_options(options) == NetworkOptions(configuration=pool, tunnel={})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (None, "--opt wireguard-config=NAME"),
        ({}, "--opt wireguard-config=NAME"),
        ({GENERIC: None}, "--opt wireguard-config=NAME"),
        ({GENERIC: []}, "--opt wireguard-config=NAME"),
        ({GENERIC: "x"}, "table"),
        ({GENERIC: {"wireguard-config": ""}}, "--opt wireguard-config=NAME"),
        ({GENERIC: {"wireguard-config": "../x"}}, "not a path"),
        ({GENERIC: {"wireguard-config": "a/b"}}, "not a path"),
        ({GENERIC: {"wireguard-config": "a\n"}}, "not a path"),
        ({GENERIC: {"wireguard-config": "é"}}, "not a path"),
        ({GENERIC: {"wireguard-config": "a" * 65}}, "up to 64"),
        ({GENERIC: {"wireguard-config": "a.conf"}}, "without .conf: a"),
        ({GENERIC: {"wireguard-config": "vpn-*.conf"}}, "without .conf: vpn-*"),
        ({GENERIC: {"wireguard-config": "a,b.conf"}}, "without .conf: b"),
        ({GENERIC: {"wireguard-config": "a,,b"}}, "not a path, or a pattern"),
        ({GENERIC: {"wireguard-config": "a,../*"}}, "not a path, or a pattern"),
        ({GENERIC: {"wireguard-config": ",".join(["a" * 60] * 20)}}, "write a pattern"),
        ({GENERIC: {"wireguard-config": "a", "mtu": "1"}}, "unknown option mtu; there are: wireg"),
    ],
)
def test_wrong_network_options_are_refused(options: Any, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        network_options(options)
    assert said in str(caught.value)


def test_options_that_docker_adds_to_a_network_are_let_pass() -> None:
    added = dict.fromkeys(["enable_ipv4", "enable_ipv6", "internal"], True)
    options = {f"com.docker.network.{name}": value for name, value in added.items()}
    given = {"wireguard-config": "a"}
    assert network_options({**options, GENERIC: given}) == network_options({GENERIC: given})


@pytest.mark.parametrize(("text", "expected"), [("1400", 1400), ("68", 68), ("", None)])
def test_mtu_is_docker_s_own_option(text: str, expected: int | None) -> None:
    assert network_options({GENERIC: {"wireguard-config": "a", MTU: text}}).mtu == expected


@pytest.mark.parametrize("text", ["0", "67", "-1", "1400.5", "many", "1400 "])
def test_wrong_mtu_is_refused_with_one_that_suits(text: str) -> None:
    with pytest.raises(PluginError) as caught:
        network_options({GENERIC: {"wireguard-config": "a", MTU: text}})
    said = f"{MTU}: '{text}' isn't a number from 68 on; 1420 suits most networks [WG218]"
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("bridge.name", "there is no bridge"),
        ("bridge.enable_icc", "leave it out"),
        ("bridge.enable_ip_masquerade", "leave it out"),
        ("bridge.host_binding_ipv4", "publish ports on a second network"),
        ("container_iface_prefix", "wireguard-interface"),
        ("enable_ipv6", "--ipv6"),
        ("host_ipv4", "leave it out"),
        ("internal", "--internal"),
    ],
)
def test_option_of_bridges_is_refused_with_what_to_do_instead(name: str, instead: str) -> None:
    option = f"com.docker.network.{name}"
    with pytest.raises(PluginError) as caught:
        network_options({GENERIC: {"wireguard-config": "a", option: "x"}})
    assert str(caught.value).startswith(f"{option} isn't for this network: ")
    assert instead in str(caught.value)
    assert caught.value.code is Code.UNKNOWN_OPTION


def test_each_refused_option_is_named_once() -> None:
    given = dict.fromkeys(["com.docker.network.bridge.name", "colour", "wireguard-config"], "a")
    with pytest.raises(PluginError) as caught:
        network_options({GENERIC: given})
    assert str(caught.value).count("com.docker.network.bridge.name") == 1
    assert "; unknown option colour; there are: " in str(caught.value)


def test_tunnel_options_are_kept_as_they_are_written() -> None:
    given = {"wireguard-config": "a", "wireguard-sink": "off", "wireguard-bypass": "10.0.0.0/8"}
    tunnel = network_options({GENERIC: given}).tunnel
    assert tunnel == {"sink": "off", "bypass": "10.0.0.0/8"}


def test_options_that_docker_adds_to_a_container_are_let_pass() -> None:
    options = endpoint_options({"com.docker.network.portmap": [], "com.docker.network.x": 1})
    assert options == endpoint_options(None)
    assert (options.addresses, options.tunnel) == ((), {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.2", ["10.0.0.2/32"]),
        ("10.0.0.2/24,fd00::2/64", ["10.0.0.2/24", "fd00::2/64"]),
        ("10.0.0.2/24, fd00::2", ["10.0.0.2/24", "fd00::2/128"]),
    ],
)
def test_container_may_have_an_address_of_its_own(text: str, expected: list[str]) -> None:
    addresses = endpoint_options({"wireguard-address": text}).addresses
    assert [str(address) for address in addresses] == expected


@pytest.mark.parametrize("text", ["", "10.0.0.2/33", "x", "10.0.0.2,", "10.0.0.02", "fd00::2%lo"])
def test_wrong_address_of_a_container_is_refused(text: str) -> None:
    with pytest.raises(PluginError, match="wireguard-address is an IPv4 and an IPv6 address"):
        endpoint_options({"wireguard-address": text})


@pytest.mark.parametrize("name", ["mode", "nat", "isolate"])
def test_option_of_the_router_is_refused_on_a_container(name: str) -> None:
    with pytest.raises(PluginError) as caught:
        endpoint_options({f"wireguard-{name}": "on"})
    assert str(caught.value).startswith(f"wireguard-{name} isn't for a container: give it to ")
    assert caught.value.code is Code.UNKNOWN_OPTION


def test_forwarded_ports_may_be_a_network_s_and_a_container_s() -> None:
    given = {"wireguard-config": "a", "wireguard-forward": "80:10.0.0.2:80"}
    assert network_options({GENERIC: given}).tunnel == {"forward": "80:10.0.0.2:80"}
    assert endpoint_options({"wireguard-forward": "80:80"}).tunnel == {"forward": "80:80"}


def test_unknown_option_of_a_container_is_refused() -> None:
    with pytest.raises(PluginError, match="unknown option wireguard-adress; there are: wireguard"):
        endpoint_options({"wireguard-adress": "10.0.0.2/32"})
