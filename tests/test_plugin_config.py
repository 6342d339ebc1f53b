"""The two editions' config.json: the same, but for what README.md says of them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from wgplugin import __version__

CHECKOUT = Path(__file__).parents[1]
PLUGIN = CHECKOUT / "plugin"


@pytest.fixture
def base() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((PLUGIN / "config.json").read_text())
    return config


@pytest.fixture
def live() -> dict[str, Any]:
    config: dict[str, Any] = json.loads((PLUGIN / "config.live.json").read_text())
    return config


def rendered(edition: str, archive: Path) -> dict[str, Any]:
    """Return the config.json that Docker is given."""
    command = ["plugin/config.sh", edition, str(archive)]
    config: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=CHECKOUT))
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


@pytest.mark.parametrize("edition", ["base", "live"])
def test_docker_is_given_the_edition_s_config_with_the_package_s_version(
    edition: str, base: dict[str, Any], live: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "rootfs.tar").write_bytes(b"files")
    config = rendered(edition, tmp_path / "rootfs.tar")
    description = config["description"]
    assert description.startswith(f"WireGuard networks {__version__}, {edition} edition ")
    assert "@" not in description
    assert config == {**(live if edition == "live" else base), "description": description}


def test_build_has_a_name_of_its_files_and_its_config(tmp_path: Path) -> None:
    for name in ("one", "same", "other"):
        (tmp_path / name).write_text(name.replace("same", "one"))
    one, same, other = (rendered("base", tmp_path / name) for name in ("one", "same", "other"))
    assert one["description"] == same["description"]
    builds = {
        config["description"].rpartition("(build ")[2]
        for config in (one, other, rendered("live", tmp_path / "one"))
    }
    assert len(builds) == 3


def test_edition_that_is_none_is_refused(tmp_path: Path) -> None:
    command = ["plugin/config.sh", "alive", str(tmp_path)]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode
    assert "there is no edition 'alive'" in run.stderr
