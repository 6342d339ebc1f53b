"""wgplugin wait: its exit status says how it ended, and one line says of what."""

from __future__ import annotations

import pytest

from tests.cli.scene import APP, OTHER, VPN, Scene, tunnel
from wgplugin.cli import wait
from wgplugin.codes import Code
from wgplugin.errors import PluginError

OWN, BESIDE = tunnel(APP, "vpn-a"), tunnel(OTHER, "vpn-b")
UNKNOWN = PluginError(Code.NO_SUCH_TUNNEL, "there is no such tunnel")
BASE = PluginError(Code.NEEDS_LIVE, "wgplugin wait needs the live edition")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def app(host: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "PAUSE", 0.01)
    host.docker.networks["vpn"] = VPN
    host.docker.containers["app"] = {"vpn": APP}


def waited(name: str, timeout: float = 30) -> int:
    return wait.run(name, None, timeout, None)


def test_tunnel_that_is_up_ends_it(host: Scene, capsys: Captured) -> None:
    host.plugin.tunnels.append(OWN)
    host.plugin.healths[APP] = ["up"]
    assert waited("app") == 0
    assert capsys.readouterr() == ("up: vpn-a (a1a1a1a1a1a1)\n", "")
    ((_, patience),) = host.plugin.waited
    assert 25 < patience <= 30


def test_tunnel_that_is_down_ends_it(host: Scene, capsys: Captured) -> None:
    host.plugin.tunnels.append(OWN)
    host.plugin.healths[APP] = ["down"]
    assert waited("app") == 1
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "vpn-a (a1a1a1a1a1a1) is down; docker wireguard status shows more [WG417]\n",
    )


@pytest.mark.parametrize("health", ["never", "stale"])
def test_time_is_over(host: Scene, health: str, capsys: Captured) -> None:
    host.plugin.tunnels.append(OWN)
    host.plugin.healths[APP] = [health]
    assert waited("app", 0.1) == 124
    said = "vpn-a (a1a1a1a1a1a1) had no handshake within 0.1 s [WG416]\n"
    assert capsys.readouterr() == ("", said)


def test_time_of_none_looks_once(host: Scene) -> None:
    host.plugin.tunnels.append(OWN)
    host.plugin.healths[APP] = ["up"]
    assert waited("app", 0) == 0
    assert host.plugin.waited == [(APP, 0)]


def test_network_is_up_when_all_its_containers_are(host: Scene, capsys: Captured) -> None:
    host.plugin.tunnels += [OWN, BESIDE]
    host.plugin.healths |= {APP: ["up"], OTHER: ["never", "up"]}
    assert waited("vpn") == 0
    assert capsys.readouterr().out == "up: vpn-a (a1a1a1a1a1a1), vpn-b (c3c3c3c3c3c3)\n"


def test_network_is_down_if_one_of_its_containers_is(host: Scene, capsys: Captured) -> None:
    host.plugin.tunnels += [OWN, BESIDE]
    host.plugin.healths |= {APP: ["up"], OTHER: ["down"]}
    assert waited("vpn") == 1
    assert capsys.readouterr().err.startswith("vpn-b (c3c3c3c3c3c3) is down")


def test_container_that_starts_meanwhile_is_waited_for(host: Scene) -> None:
    host.plugin.later.append(OWN)
    host.plugin.healths[APP] = [UNKNOWN, "up"]
    assert waited("app") == 0


def test_container_that_never_starts_takes_all_of_the_time(host: Scene, capsys: Captured) -> None:
    assert waited("absent", 0.1) == 124
    said = "absent has no tunnel; the tunnels are: none [WG512]\n"
    assert capsys.readouterr() == ("", said)


def test_edition_that_cannot_wait_ends_it(host: Scene, capsys: Captured) -> None:
    host.plugin.tunnels.append(OWN)
    host.plugin.healths[APP] = [BASE]
    assert waited("app") == 1
    assert capsys.readouterr() == ("", f"{BASE}\n")


def test_docker_that_does_not_answer_ends_it(host: Scene, capsys: Captured) -> None:
    host.docker.failure = 500
    assert waited("app") == 1
    assert capsys.readouterr().err.endswith(" [WG513]\n")


def test_somebody_who_no_longer_wants_to_wait_ends_it(
    host: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wgplugin.cli.tunnels.find", interrupt)
    assert waited("absent") == 130
