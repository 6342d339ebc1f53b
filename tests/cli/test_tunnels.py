"""A tunnel is found by the names and ids that people know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.scene import APP, OTHER, ROUTER, SHARED, VPN, WEB, FakePlugin, Scene, tunnel
from wgplugin.cli import client, engine
from wgplugin.cli.tunnels import find, find_one
from wgplugin.codes import Code
from wgplugin.errors import PluginError

OWN, BESIDE = tunnel(APP, "vpn-a"), tunnel(OTHER, "vpn-b")


def named(name: str, network: str | None = None) -> list[str]:
    return [str(found) for found in find(name, network, None)]


@pytest.fixture(autouse=True)
def names(host: Scene) -> None:
    host.docker.networks |= {"vpn": VPN, "shared": SHARED, "bridge": "99" * 32}
    host.docker.containers |= {"app": {"vpn": APP}, "web": {"shared": WEB, "bridge": "98" * 32}}


def test_container_is_found_by_its_name(host: Scene) -> None:
    host.plugin.tunnels += [BESIDE, OWN]
    assert named("app") == ["vpn-a (a1a1a1a1a1a1)"]


def test_network_stands_for_all_its_tunnels(host: Scene) -> None:
    host.plugin.tunnels += [OWN, BESIDE, ROUTER]
    assert named("vpn") == ["vpn-a (a1a1a1a1a1a1)", "vpn-b (c3c3c3c3c3c3)"]


@pytest.mark.parametrize("name", ["shared", "web", SHARED, WEB[:12]])
def test_tunnel_of_a_shared_network_is_found_by_each_of_its_containers(
    host: Scene, name: str
) -> None:
    host.plugin.tunnels += [OWN, ROUTER]
    (found,) = find(name, None, None)
    assert (str(found), found.id) == ("vpn-s (e5e5e5e5e5e5)", SHARED)


@pytest.mark.parametrize("length", [12, 64])
def test_ids_are_found_without_docker(
    host: Scene, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SOCKET", Path("/nowhere"))
    host.plugin.tunnels += [OWN, BESIDE]
    assert named(APP[:length]) == ["vpn-a (a1a1a1a1a1a1)"]
    assert named(APP[:length], VPN[:length]) == ["vpn-a (a1a1a1a1a1a1)"]
    assert len(named(VPN[:length])) == 2


def test_id_of_a_container_is_looked_up(host: Scene) -> None:
    host.plugin.tunnels += [OWN]
    host.docker.containers["77" * 6] = {"vpn": APP}
    assert named("77" * 6) == ["vpn-a (a1a1a1a1a1a1)"]


def test_plugin_with_the_tunnel_is_found_among_several(host: Scene) -> None:
    host.plugin.tunnels += [BESIDE]
    socket = client.SOCKETS / "wireguard.sock"
    with FakePlugin([OWN]).at(socket):
        (found,) = find("app", None, None)
    assert found.socket == socket


def test_plugin_on_a_given_socket_is_asked_alone(host: Scene, tmp_path: Path) -> None:
    host.plugin.tunnels += [OWN]
    with FakePlugin([BESIDE]).at(tmp_path / "sock"), pytest.raises(PluginError):
        find("app", None, tmp_path / "sock")


def test_network_chooses_among_a_container_s_tunnels(host: Scene) -> None:
    host.plugin.tunnels += [OWN, ROUTER]
    host.docker.containers["both"] = {"vpn": APP, "shared": WEB}
    assert len(named("both")) == 2
    assert named("both", "vpn") == ["vpn-a (a1a1a1a1a1a1)"]
    assert named("both", SHARED) == ["vpn-s (e5e5e5e5e5e5)"]


def test_one_is_chosen_of_several_by_what_the_error_says(host: Scene) -> None:
    host.plugin.tunnels += [OWN, BESIDE]
    with pytest.raises(PluginError, match=r"vpn has 2 tunnels: vpn-a .*, vpn-b ") as raised:
        find_one("vpn", None, None)
    assert raised.value.code == Code.NO_SUCH_TUNNEL
    assert find_one("app", None, None).id == APP


@pytest.mark.parametrize("name", ["absent", "web", "bridge", "shared", "00" * 6])
def test_what_has_no_tunnel_is_told_with_what_there_is(host: Scene, name: str) -> None:
    host.plugin.tunnels += [OWN, BESIDE]
    said = rf"{name} has no tunnel; the tunnels are: vpn-a \(a1a1a1a1a1a1\), vpn-b "
    with pytest.raises(PluginError, match=said) as raised:
        find(name, None, None)
    assert raised.value.code == Code.NO_SUCH_TUNNEL


def test_container_that_is_not_on_a_network_has_no_tunnel_there(host: Scene) -> None:
    host.plugin.tunnels += [OWN, ROUTER]
    with pytest.raises(PluginError, match="app has no tunnel of the network shared"):
        find("app", "shared", None)
