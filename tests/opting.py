"""Tests that aren't run unless someone asks for them."""

from pathlib import Path

import pytest


def skip_all_in(folder: Path, items: list[pytest.Item], reason: str) -> None:
    """Skip those of the collected tests that are in the folder, or below it."""
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))
