"""Docker is asked for names; what it doesn't know isn't there, and its failures are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.scene import APP, VPN, WEB, Scene
from wgplugin.cli import engine
from wgplugin.codes import Code
from wgplugin.errors import PluginError


@pytest.mark.parametrize("name", ["vpn", "a network", "x?y", "50%"])
def test_network_has_an_id(host: Scene, name: str) -> None:
    host.docker.networks[name] = VPN
    assert engine.network_id(name) == VPN


def test_container_has_an_endpoint_in_each_network(host: Scene) -> None:
    host.docker.containers["app"] = {"vpn": APP, "bridge": WEB}
    assert engine.endpoint_ids("app") == {APP, WEB}


def test_stopped_container_has_none(host: Scene) -> None:
    host.docker.containers["app"] = {"vpn": ""}
    assert engine.endpoint_ids("app") == frozenset()


@pytest.mark.parametrize("name", ["absent", "a/b", "../info"])
def test_unknown_name_is_nothing(host: Scene, name: str) -> None:
    assert engine.network_id(name) == ""
    assert engine.endpoint_ids(name) == frozenset()


def test_failure_of_docker_is_told_with_what_helps(host: Scene) -> None:
    host.docker.failure = 500
    with pytest.raises(PluginError, match=r"vpn can't be looked up.* 500.*; give an id") as raised:
        engine.network_id("vpn")
    assert raised.value.code == Code.NO_ENGINE


def test_missing_docker_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SOCKET", tmp_path / "absent")
    with pytest.raises(PluginError, match=r"No such file.*; give an id") as raised:
        engine.endpoint_ids("app")
    assert raised.value.code == Code.NO_ENGINE
