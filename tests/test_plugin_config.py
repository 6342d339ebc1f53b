"""The two editions' config.json: the same, but for what README.md says of them."""

import json
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.fixture
def base() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((PLUGIN / "config.json").read_text())
    return config


@pytest.fixture
def live() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((PLUGIN / "config.live.json").read_text())
    return config


def names(items: list[dict[str, Any]]) -> set[str]:
    return {item["name"] for item in items}


def test_base_edition_is_granted_net_admin_and_the_configurations_alone(
    base: dict[str, Any],
) -> None:
    assert base["linux"] == {"capabilities": ["CAP_NET_ADMIN"]}
    assert names(base["mounts"]) == {"config"}
    assert base["network"] == {"type": "host"}


def test_live_edition_is_granted_sys_admin_and_docker_s_folder_besides(
    base: dict[str, Any], live: dict[str, Any]
) -> None:
    assert live["linux"] == {"capabilities": ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]}
    assert [mount for mount in live["mounts"] if mount["name"] != "docker"] == base["mounts"]
    assert names(live["mounts"]) == {"config", "docker"}


def test_editions_are_started_alike(base: dict[str, Any], live: dict[str, Any]) -> None:
    differing = ("description", "linux", "mounts", "env")
    assert {key: live[key] for key in live if key not in differing} == {
        key: base[key] for key in base if key not in differing
    }
    assert [each for each in live["env"] if each in base["env"]] == base["env"]
