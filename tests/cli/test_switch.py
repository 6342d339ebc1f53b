"""wgplugin switch: it switches one tunnel, and says to what, or why not."""

from __future__ import annotations

import pytest

from tests.cli.scene import APP, OTHER, ROUTER, SHARED, VPN, Scene, tunnel
from wgplugin.cli import switch
from wgplugin.codes import Code
from wgplugin.errors import PluginError

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def pool(host: Scene) -> None:
    host.plugin.tunnels += [tunnel(APP, "vpn-a"), tunnel(OTHER, "vpn-b"), ROUTER]
    host.docker.networks |= {"vpn": VPN, "shared": SHARED}
    host.docker.containers["app"] = {"vpn": APP}


@pytest.mark.parametrize(
    ("name", "configuration", "call", "said"),
    [
        ("app", "vpn-c", (APP, "vpn-c"), "switched to vpn-c\n"),
        ("app", "", (APP, ""), "switched to vpn-next\n"),
        ("shared", "vpn-c", (SHARED, "vpn-c"), "switched to vpn-c\n"),
    ],
)
def test_tunnel_is_switched(
    host: Scene, name: str, configuration: str, call: tuple[str, str], said: str, capsys: Captured
) -> None:
    assert switch.run(name, configuration, None, None) == 0
    assert host.plugin.switched == [call]
    assert capsys.readouterr() == (said, "")


def test_refusal_is_told(host: Scene, capsys: Captured) -> None:
    host.plugin.refusal = PluginError(Code.IN_USE, "vpn-b is in use")
    assert switch.run("app", "vpn-b", None, None) == 1
    assert capsys.readouterr() == ("", "vpn-b is in use [WG111]\n")


@pytest.mark.parametrize("name", ["vpn", "absent"])
def test_nothing_is_switched_unless_one_tunnel_is_meant(
    host: Scene, name: str, capsys: Captured
) -> None:
    assert switch.run(name, "", None, None) == 1
    assert host.plugin.switched == []
    assert capsys.readouterr().err.endswith(" [WG512]\n")
