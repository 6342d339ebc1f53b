"""The other host, the modes of networks, and a host that has nothing left of it in the end."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.docker import LIVE
from tests.e2e.lasting import configurations
from tests.e2e.live.ports.clients import another_host
from tests.e2e.live.ports.serving import remains
from tests.e2e.modes import OWN, SHARED, Mode

__all__ = ["configurations"]

# The base edition publishes no ports, and needs no fixtures.
collect_ignore_glob = [] if LIVE else ["*test_*.py"]


@pytest.fixture(scope="module", params=[OWN, SHARED], ids=["container", "shared"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """The mode of the tests' networks."""
    mode: Mode = request.param
    return mode


@pytest.fixture(scope="package")
def abroad() -> Iterator[None]:
    """Another host, where clients are."""
    with another_host():
        yield


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(plugin: str, abroad: None) -> Iterator[None]:
    yield
    wait_until(lambda: not remains(), f"the host to have nothing left of {remains()}")
