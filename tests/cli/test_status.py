"""wgplugin status: for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette

from tests.cli.scene import APP, Scene, tunnel
from tests.serving import serving
from wgplugin.cli import client, status


@pytest.mark.parametrize("named", [True, False])
def test_people_see_the_plugin_on_a_socket(
    host: Scene, tmp_path: Path, named: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "0123" / "wireguard.sock" if named else None
    assert status.run(given, watch=False, as_json=False) == 0
    assert capsys.readouterr().out.startswith("CONFIGURATION")
    assert status.run(given, watch=False, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["tunnels"] == []


def test_plugin_that_does_not_answer_is_told_beside_one_that_does(
    host: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    host.plugin.tunnels.append(tunnel(APP, "vpn-a"))
    silent = client.SOCKETS / "wireguard.sock"
    silent.touch()
    assert status.run(None, watch=False, as_json=False) == 0
    out, err = capsys.readouterr()
    assert "vpn-a" in out
    assert err.startswith(f"{silent}: ")


def test_missing_plugin_is_reported_with_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.run(tmp_path / "sock", watch=False, as_json=False) == 1
    assert "is the plugin enabled, and are you root?" in capsys.readouterr().err


def test_another_program_on_the_socket_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Starlette(), tmp_path / "sock") as client:
        assert status.run(client.path, watch=False, as_json=False) == 1
    assert "no such plugin" in capsys.readouterr().err
