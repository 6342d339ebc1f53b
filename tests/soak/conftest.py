"""The plugin and the provider of the tests for Docker; these tests take minutes."""

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import config_dir, configurations, image, plugin, provider
from tests.opting import skip_all_in

__all__ = ["config_dir", "configurations", "image", "plugin", "provider"]

OPT_IN = "SOAK"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the time only if told to."""
    if not os.environ.get(OPT_IN):
        skip_all_in(Path(__file__).parent, items, f"takes minutes; opt in with {OPT_IN}=yes")
