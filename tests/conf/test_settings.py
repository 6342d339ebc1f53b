"""A setting means the same wherever it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conf.settings_reading import (
    BYPASS,
    EXAMPLE,
    KEY,
    VALUES,
    accepted,
    tunnel,
)
from tests.strategies import addresses, networks
from wgplugin.conf.settings import Settings, override
from wgplugin.errors import PluginError
from wgplugin.model.configuration import Probe, TunnelSettings
from wgplugin.model.router import Forward


def forwards() -> st.SearchStrategy[Forward]:
    ports = st.integers(1, 65535)
    return st.builds(Forward, ports, st.none() | addresses, ports, st.sampled_from(["tcp", "udp"]))


# The same values in options and in the file


@pytest.mark.parametrize(("name", "text", "expected"), VALUES)
def test_option_is_read(name: str, text: str, expected: object) -> None:
    assert override(TunnelSettings(), {name: text}) == tunnel(**{name: expected})


@pytest.mark.parametrize(("name", "text", "expected"), VALUES)
@pytest.mark.parametrize("quote", ["", '"'])
def test_option_means_the_same_in_the_file(
    name: str, text: str, expected: object, quote: str
) -> None:
    found = accepted(f"defaults:\n  {name}: {quote}{text}{quote}\n").defaults
    assert found == tunnel(**{name: expected})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("dns", "maybe", "wireguard-dns: 'maybe' isn't warn, require or off"),
        ("dns", "", "wireguard-dns: the value is missing; it is warn, require or off"),
        ("sink", "1", "wireguard-sink: '1' isn't on or off"),
        ("default", "auto", "wireguard-default: 'auto' isn't tunnel or gateway"),
        ("bypass", "192.168.1.0/16", "has bits after its prefix; did you mean 192.168.0.0/16?"),
        ("bypass", "10.0.0.0/8,,", "wireguard-bypass: an address is missing in this list"),
        ("bypass", "-10.0.0.0/8", "wireguard-bypass: a prefix has no '-' before it"),
        ("bypass", "lan", "wireguard-bypass: 'lan' isn't an address range"),
        ("bypass", "10.0.0.0/33", "the prefix of '10.0.0.0/33' isn't a number from 0 to 32"),
        ("sinc", "on", "unknown setting 'wireguard-sinc'; did you mean sink?"),
        ("x", "on", "there are: dns, sink, bypass, default"),
        ("dns", KEY, "wireguard-dns: this isn't warn"),
        ("mode", "router", "wireguard-mode: 'router' isn't container or shared"),
        ("nat", "1", "wireguard-nat: '1' isn't auto, on or off"),
        ("forward", "8443", "wireguard-forward: '8443' isn't a forwarded port; write PORT:ADDRESS"),
        ("forward", "1:2,", "wireguard-forward: this isn't a forwarded port"),
        ("forward", "80:fd00::5:80", "'80:fd00::5:80' isn't a forwarded port; write PORT:ADDRESS"),
        ("forward", "80:172.20.0:80", "'172.20.0' isn't the address of a forwarded port"),
        ("forward", "80:[fd00::g]:80", "'[fd00::g]' isn't the address of a forwarded port"),
        ("forward", "80::80", "this isn't the address of a forwarded port"),
        ("forward", "0:80", "the port '0' isn't a number from 1 to 65535"),
        ("forward", "80:172.20.0.5:65536", "the port '65536' isn't a number from 1 to 65535"),
        ("forward", "http:80", "the port 'http' isn't a number from 1 to 65535"),
        ("forward", "80:80/sctp", "the protocol of '80:80/sctp' isn't tcp or udp"),
        ("forward", "80:80/", "the protocol of '80:80/' isn't tcp or udp"),
        ("pick", "random", "wireguard-pick: 'random' isn't order or rotate"),
        ("probe", "example.com", "'example.com' isn't an IP address to ask, or an address and a"),
        ("probe", "10.64.0.1:0", "write 10.64.0.1, or for a TCP connection 10.64.0.1:53 or [fd00"),
        ("probe", "10.64.0.1:65536", "wireguard-probe: '10.64.0.1:65536' isn't an IP address"),
        ("probe", "[10.64.0.1]:53", "wireguard-probe: '[10.64.0.1]:53' isn't an IP address"),
        ("probe", "", "isn't an IP address to ask"),
        ("failback", "0", "wireguard-failback: '0' isn't a number of seconds above 0, up to 86400"),
        ("wait", "21", "'21' isn't a number of seconds above 0, up to 20, or off"),
        ("wait", "long", "wireguard-wait: 'long' isn't a number of seconds"),
        ("wait-fail", "go", "wireguard-wait-fail: 'go' isn't start or refuse"),
    ],
)
def test_wrong_option_is_reported_with_its_name_and_what_there_is(
    name: str, text: str, said: str
) -> None:
    with pytest.raises(PluginError) as caught:
        override(TunnelSettings(), {name: text})
    assert said in str(caught.value)


def test_wrong_variable_of_the_environment_is_reported_with_its_name() -> None:
    with pytest.raises(PluginError, match="RESOLVE_TIMEOUT: 'soon' isn't a number of seconds"):
        Settings().override({"resolve-timeout": "soon"})


@given(st.lists(networks(), unique=True, max_size=5))
def test_bypass_is_what_was_written(prefixes: list[Any]) -> None:
    text = ", ".join(map(str, prefixes))
    assert override(TunnelSettings(), {"bypass": text}).bypass == tuple(prefixes)
    items = "".join(f"\n  - '{net}'" for net in prefixes) or " []"
    assert accepted(f"defaults:\n  bypass:{items}").defaults.bypass == tuple(prefixes)


@given(addresses, st.none() | st.integers(1, 65535))
def test_probe_is_what_was_written(address: Any, port: int | None) -> None:
    probe = Probe(address, port)
    assert override(TunnelSettings(), {"probe": str(probe)}).probe == probe
    assert accepted(f"defaults:\n  probe: '{probe}'").defaults.probe == probe


@given(st.lists(forwards(), unique=True, max_size=4))
def test_forwarded_ports_are_what_was_written(given_: list[Forward]) -> None:
    text = ", ".join(map(str, given_))
    assert override(TunnelSettings(), {"forward": text}).forward == tuple(given_)
    items = "".join(f"\n  - '{forward}'" for forward in given_) or " []"
    assert accepted(f"defaults:\n  forward:{items}").defaults.forward == tuple(given_)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, "wg"),
        ({"mode": "shared"}, "eth"),
        ({"interface": "vpn"}, "vpn"),
        ({"interface": "vpn", "mode": "shared"}, "vpn"),
    ],
)
def test_device_has_the_name_of_its_mode_unless_one_is_given(
    texts: dict[str, str], expected: str
) -> None:
    assert override(TunnelSettings(), texts).device_prefix == expected


# Which of them count


def test_example_is_the_settings_that_are_built_in_and_some_of_two_configurations() -> None:
    found = accepted((EXAMPLE / "wgplugin.yaml").read_bytes())
    built_in = Settings()
    assert (found.log_level, found.resolve_timeout) == ("info", built_in.resolve_timeout)
    assert found.defaults == built_in.defaults
    assert found.tunnel("vpn-provider") == tunnel(dns="require", bypass=BYPASS[:1])
    assert found.tunnel("office") == tunnel(sink=False)


def test_settings_that_the_documents_show_are_settings() -> None:
    page = (EXAMPLE.parent / "docs" / "configuration.md").read_text()
    (shown,) = re.findall(r"```yaml\n(log-level:.*?)```", page, re.DOTALL)
    assert accepted(shown).tunnel("mynet-1") == tunnel(dns="require", bypass=BYPASS[:1])


@pytest.mark.parametrize("order", [1, -1])
def test_configuration_overrides_defaults_wherever_it_stands(order: int) -> None:
    parts = (
        "defaults: {dns: require, bypass: [10.0.0.0/8]}",
        "configurations: {home: {bypass: [], sink: off}}",
    )
    found = accepted("\n".join(parts[::order]))
    assert found.tunnel("home") == tunnel(dns="require", sink=False)
    assert found.tunnel("other") == tunnel(dns="require", bypass=(ip_network("10.0.0.0/8"),))


def test_option_overrides_the_file_and_the_file_the_environment() -> None:
    environment = Settings().override({"log-level": "error", "resolve-timeout": "5"})
    base = replace(environment, defaults=tunnel(dns="off"))
    assert accepted("", base) == base
    found = accepted("log-level: debug\ndefaults: {dns: require}\n", environment)
    assert (found.log_level, found.resolve_timeout) == ("debug", 5.0)
    network = override(found.tunnel("home"), {"dns": "off", "sink": "off"})
    assert override(network, {"sink": "on"}) == tunnel(dns="off")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "# nothing\n",
        "---\n",
        "defaults:\nconfigurations:\n",
        "defaults: {}\nconfigurations: {}",
        "defaults: ~\nconfigurations: null\n",
        "log-level: info\r\nresolve-timeout: 10.0\r\n",
        "configurations:\n  home:\n  # dns: require\n",
    ],
)
def test_file_that_says_nothing_new_leaves_what_is_built_in(text: str) -> None:
    found = accepted(text)
    assert found.tunnel("home") == TunnelSettings()
    assert (found.log_level, found.resolve_timeout, found.defaults) == (
        "info",
        10.0,
        TunnelSettings(),
    )


def test_configuration_may_have_a_number_for_a_name() -> None:
    assert accepted("configurations: {007: {dns: off}}").tunnel("007").dns == "off"
