"""A hub with two containers, for the tests of its peers."""

from collections.abc import Iterator

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import LIVE, container
from tests.e2e.lasting import configurations
from tests.e2e.live.hub.dialling import ENDPOINT, ONE_PAGE, Hub, reachable_host
from tests.e2e.live.shared.conftest import shared, subnets

# The base edition has no hubs, and needs no fixtures.
collect_ignore_glob = [] if LIVE else ["*test_*.py"]

__all__ = ["configurations"]

IPV4, IPV6 = "172.28.110.0/24", "fd77:110::/64"


@pytest.fixture(scope="module")
def host() -> Iterator[None]:
    with reachable_host():
        yield


@pytest.fixture(scope="module")
def hub(configurations: Configurations, host: None) -> Iterator[Hub]:
    """The hub "office": the container web has an alias and a page, other is beside it."""
    office = Hub("office", configurations.folder)
    office.run("hub", "init", "office", "--endpoint", ENDPOINT, *office.subnets)
    with (
        shared("office", *subnets(IPV4, IPV6)) as net,
        container(net, "--network-alias", "pages", command=ONE_PAGE) as web,
        container(net, command=ONE_PAGE) as other,
    ):
        yield office.with_containers(net, web, other)


@pytest.fixture(autouse=True)
def _file(request: pytest.FixtureRequest) -> Iterator[None]:
    """The hub's file is as it was after each test, so that each begins without peers."""
    if "hub" not in request.fixturenames:
        yield
        return
    hub: Hub = request.getfixturevalue("hub")
    before = hub.path.read_bytes()
    yield
    hub.path.write_bytes(before)
    wait_until(lambda: not hub.peers(), "the end of the peers")
