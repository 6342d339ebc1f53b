"""Thousands of containers on one shared network, and hundreds of them with Docker's part, too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import LIVE, container, network, plugin_pid
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.modes import SHARED
from tests.e2e.provider import WEB_IPV4
from tests.e2e.routers import Router
from tests.soak.calls import Connection
from tests.soak.footprint import assert_flat, footprint, leftovers
from tests.soak.test_cycles import CYCLES, WARM_UP
from tests.soak.test_storm import AT_ONCE, CONTAINERS

pytestmark = pytest.mark.skipif(not LIVE, reason="needs the live edition: EDITION=live")

ADDRESS = "10.8.64.1"


@pytest.fixture
def net(configurations: Configurations) -> Iterator[str]:
    name = configurations.client("shared", ADDRESS, allowed_ips="0.0.0.0/0")
    with network(name, *SHARED.options, "--subnet", "172.28.0.0/16") as net:
        yield net


def test_attaching_and_detaching_takes_nothing_for_good(net: str) -> None:
    process = plugin_pid()
    with closing(Connection()) as connection, container(net) as box:
        router = Router(net)
        for number in range(WARM_UP):
            attach_and_detach(connection, router.network_id, number)
        before = footprint(process), leftovers(), router.links()
        for number in range(WARM_UP, WARM_UP + CYCLES):
            attach_and_detach(connection, router.network_id, number)
        assert plugin_pid() == process
        assert_flat(before[0], footprint(process))
        assert (leftovers(), router.links()) == before[1:]
        assert box.fetch(WEB_IPV4) == ADDRESS


def attach_and_detach(connection: Connection, network_id: str, number: int) -> None:
    ids = {"NetworkID": network_id, "EndpointID": f"{number:064x}"}
    address = f"172.28.{1 + number // 250}.{1 + number % 250}/16"
    connection.call("CreateEndpoint", **ids, Interface={"Address": address}, Options={})
    answer = connection.call("Join", **ids, SandboxKey="/run/docker/netns/none", Options={})
    device = Path("/sys/class/net", answer["InterfaceName"]["SrcName"])
    assert device.exists()
    connection.call("Leave", **ids)
    connection.call("DeleteEndpoint", **ids)
    assert not device.exists()


def test_containers_come_and_go_and_leave_nothing(net: str) -> None:
    def come_and_go(number: int) -> None:
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == ADDRESS

    first = max(AT_ONCE, CONTAINERS // 4)
    with container(net) as stays, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(come_and_go, range(first)))
        process = plugin_pid()
        before = footprint(process), *at_rest(Router(net))
        list(pool.map(come_and_go, range(first, CONTAINERS)))
        assert plugin_has() == docker_has()
        assert plugin_pid() == process
        assert_flat(before[0], footprint(process))
        assert at_rest(Router(net)) == before[1:]
        assert stays.fetch(WEB_IPV4) == ADDRESS


def at_rest(router: Router) -> tuple[object, list[str]]:
    """Return what is left of containers, once the namespaces of all but one have ended."""
    wait_until(lambda: len(router.ports()) == 1, "the end of namespaces")
    return leftovers(), router.links()
