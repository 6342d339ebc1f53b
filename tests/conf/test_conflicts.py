"""Settings that don't go together are refused, and the message says which."""

from __future__ import annotations

import pytest

from wgplugin.codes import Code
from wgplugin.conf.settings import override
from wgplugin.errors import PluginError
from wgplugin.model.attachment import check_tunnel
from wgplugin.model.configuration import TunnelSettings


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"isolate": "on"}, "wireguard-isolate=on is for shared networks"),
        ({"nat": "off"}, "wireguard-nat=off is for shared networks"),
        ({"forward": "80:80"}, "wireguard-forward is for shared networks"),
        (
            {"isolate": "on", "nat": "off"},
            "wireguard-isolate=on and wireguard-nat=off is for shared",
        ),
    ],
)
def test_setting_of_shared_networks_is_refused_for_one_container(
    texts: dict[str, str], said: str
) -> None:
    with pytest.raises(PluginError) as caught:
        check_tunnel(override(TunnelSettings(), texts))
    assert said in str(caught.value)
    assert caught.value.code is Code.SHARED_ONLY
    check_tunnel(override(TunnelSettings(), {**texts, "mode": "shared"}))


@pytest.mark.parametrize("texts", [{"nat": "on"}, {"isolate": "off"}, {"forward": ""}])
def test_setting_of_shared_networks_that_changes_nothing_is_no_mistake(
    texts: dict[str, str],
) -> None:
    check_tunnel(override(TunnelSettings(), texts))


@pytest.mark.parametrize("forward", ["53:53,53:53/udp", "53:10.0.0.1:53,53:[fd00::1]:53"])
def test_port_is_forwarded_once_for_each_protocol_and_family(forward: str) -> None:
    check_tunnel(override(TunnelSettings(), {"mode": "shared", "forward": forward}))


@pytest.mark.parametrize(
    "forward",
    ["53:10.0.0.1:53/udp,53:10.0.0.2:53/udp", "53:[fd00::1]:53/udp,53:[fd00::1]:54/udp"],
)
def test_port_isn_t_forwarded_twice(forward: str) -> None:
    twice = override(TunnelSettings(), {"mode": "shared", "forward": forward})
    with pytest.raises(PluginError, match="wireguard-forward has port 53/udp twice"):
        check_tunnel(twice)


def test_shared_network_may_leave_the_default_route_to_docker() -> None:
    check_tunnel(override(TunnelSettings(), {"mode": "shared", "default": "gateway"}))
