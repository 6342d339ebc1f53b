"""The options of a network and of a container: known ones are read, the others refused."""

from typing import Any

import pytest

from wgplugin.errors import PluginError
from wgplugin.options import NetworkOptions, check_endpoint_options, network_options

GENERIC = "com.docker.network.generic"


@pytest.mark.parametrize("name", ["mynet-1", "US.East_2", "a" * 64, "..", "=+."])
def test_configuration_is_a_name(name: str) -> None:
    options = {GENERIC: {"wireguard-config": name}, "com.docker.network.enable_ipv6": False}
    assert network_options(options) == NetworkOptions(configuration=name)


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
        ({GENERIC: {"wireguard-config": 7}}, "not a path"),
        ({GENERIC: {"wireguard-config": "a.conf"}}, "without .conf: a"),
        ({GENERIC: {"wireguard-config": "a", "mtu": "1"}}, "unknown option mtu; there are: wireg"),
    ],
)
def test_wrong_network_options_are_refused(options: Any, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        network_options(options)
    assert said in str(caught.value)


def test_options_that_docker_adds_to_a_container_are_let_pass() -> None:
    check_endpoint_options({"com.docker.network.portmap": [], "com.docker.network.x": 1})
    check_endpoint_options(None)


def test_unknown_option_of_a_container_is_refused() -> None:
    with pytest.raises(PluginError, match="unknown option wireguard-adress"):
        check_endpoint_options({"wireguard-adress": "10.0.0.2/32"})
