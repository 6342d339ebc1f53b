"""The live edition's plugin, and what it tells of its tunnels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.docker import LIVE, plugin_id
from tests.e2e.engine import request
from tests.e2e.modes import OWN, Mode

SETTINGS = "re-resolve-after: 3\nresolve-timeout: 1\n"


@pytest.fixture(autouse=True)
def live_edition() -> None:
    if not LIVE:
        pytest.skip("needs the live edition: EDITION=live")


@pytest.fixture
def mode() -> Mode:
    """The mode of the tests' networks; the tests of shared networks have the other one."""
    return OWN


@pytest.fixture
def settings(config_dir: Path) -> Path:
    """The plugin's settings, with times that are short; emptied again with the folder."""
    path = config_dir / "wgplugin.yaml"
    path.write_text(SETTINGS)
    return path


def plugin_socket() -> Path:
    """Return where the plugin under test answers."""
    return Path("/run/docker/plugins", plugin_id(), "wireguard.sock")


def get(path: str) -> str:
    """Return what the plugin answers to a GET request."""
    return request("GET", path, of=plugin_socket()).decode()


def tunnel(configuration: str) -> dict[str, Any]:
    """Return the status of a configuration's tunnel."""
    found = [
        each
        for each in json.loads(get("/status"))["tunnels"]
        if each["configuration"] == configuration
    ]
    assert len(found) == 1, found
    status: dict[str, Any] = found[0]
    return status


def wait_for(configuration: str, happened: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Wait until a tunnel's status is as it should be."""
    wait_until(lambda: happened(tunnel(configuration)), what)
