"""A live edition that runs, on a kernel in memory, and an event loop that passes over all waits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosts import LiveHost
from tests.loops import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> object:
    """The event loop of tests that are coroutines."""
    return VIRTUAL_TIME


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LiveHost]:
    """A live edition whose network has a file, and which looks after its tunnels."""
    host = LiveHost(tmp_path)
    host.edit()
    async with host.kept():
        yield host
