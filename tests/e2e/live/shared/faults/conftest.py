"""The fixtures of tests/e2e/faults, for shared networks and releases of the live edition."""

import os
from pathlib import Path

import pytest

from tests.e2e.faults.conftest import dockerd, no_key_is_logged, nothing_is_left
from tests.e2e.releases import Upgrade, push_live
from tests.opting import skip_all_in
from wgplugin import __version__

__all__ = ["dockerd", "no_key_is_logged", "nothing_is_left"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every daemon but the lab's running."""
    if "LAB_SOURCE" not in os.environ:
        skip_all_in(
            Path(__file__).parent, items, "stops and kills the Docker daemon; in the lab alone"
        )


@pytest.fixture
def releases(repository: str) -> Upgrade:
    """What a plugin is upgraded from and to; a release's other tags would take minutes."""
    older, newer = (push_live(tag, repository) for tag in ("older", "newer"))
    return Upgrade(older, newer, f" {__version__}, live edition ")
