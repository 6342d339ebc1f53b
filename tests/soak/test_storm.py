"""Hundreds of containers, dozens at a time, each with a configuration of its own."""

import os
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, network, plugin_pid
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.provider import WEB_IPV4
from tests.soak.footprint import assert_flat, footprint

CONTAINERS = int(os.environ.get("SOAK_CONTAINERS", "200"))
AT_ONCE = int(os.environ.get("SOAK_AT_ONCE", "32"))


def test_containers_come_and_go_and_leave_nothing(configurations: Configurations) -> None:
    addresses = [f"10.8.{50 + number // 200}.{number % 200 + 1}" for number in range(CONTAINERS)]

    def come_and_go(address: str) -> None:
        name = configurations.client(f"storm-{address}", address, allowed_ips="0.0.0.0/0")
        with network(name) as net, container(net) as box:
            assert box.fetch(WEB_IPV4) == address

    first = max(AT_ONCE, CONTAINERS // 4)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(come_and_go, addresses[:first]))
        process = plugin_pid()
        before = footprint(process)
        list(pool.map(come_and_go, addresses[first:]))
    assert plugin_has() == docker_has()
    assert plugin_pid() == process
    assert_flat(before, footprint(process))
