"""A second server of the provider, and what the plugin tells of tunnels that change."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.docker import LIVE, Container
from tests.e2e.engine import request
from tests.e2e.live.conftest import get, plugin_socket
from tests.e2e.pools.pooling import endpoint_id
from tests.e2e.provider import SECOND, Provider

# The base edition can't change a tunnel, and needs no fixtures.
collect_ignore_glob = [] if LIVE else ["*test_*.py"]


@pytest.fixture(scope="package")
def second(provider: Provider) -> Iterator[Provider]:
    with Provider(SECOND) as second:
        yield second


def status_of(box: Container, net: str) -> dict[str, Any]:
    """Return the status of a container's tunnel, whichever configuration it has."""
    endpoint = endpoint_id(box, net)
    tunnels = json.loads(get("/status"))["tunnels"]
    (found,) = [each for each in tunnels if each["endpoint"] == endpoint]
    status: dict[str, Any] = found
    return status


def switch(endpoint: str, configuration: str = "") -> str:
    """Switch a tunnel, and return the name of the configuration that it has then."""
    asked = {"endpoint": endpoint, "configuration": configuration}
    answer = json.loads(request("POST", "/switch", asked, of=plugin_socket()))
    return str(answer["configuration"])
