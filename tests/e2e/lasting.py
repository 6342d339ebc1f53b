"""A fixture to import in place of the one of conftest.py, for networks that many tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Configurations, configurations_in
from tests.e2e.provider import Provider


@pytest.fixture(scope="module")
def configurations(plugin: str, provider: Provider, config_dir: Path) -> Iterator[Configurations]:
    """The same as for the other tests, but for as long as a module's networks last."""
    with configurations_in(config_dir, provider) as configurations:
        yield configurations
