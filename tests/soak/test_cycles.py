"""Thousands of containers as the plugin sees them: the calls, without Docker's part."""

import os
from contextlib import closing

from tests.e2e.commands import run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import docker, network, plugin_pid
from tests.soak.calls import Connection
from tests.soak.footprint import assert_flat, footprint

WARM_UP = 1000
CYCLES = int(os.environ.get("SOAK_CYCLES", "2000"))


def test_attaching_and_detaching_takes_nothing_for_good(configurations: Configurations) -> None:
    name = configurations.client("cycles", "10.8.60.1/32", allowed_ips="0.0.0.0/0")
    process = plugin_pid()
    with network(name) as net, closing(Connection()) as connection:
        network_id = docker("network", "inspect", "--format", "{{.Id}}", net)
        endpoint_ids = [f"{number:064x}" for number in range(WARM_UP + CYCLES)]
        for endpoint_id in endpoint_ids[:WARM_UP]:
            attach_and_detach(connection, network_id, endpoint_id)
        before = footprint(process)
        for endpoint_id in endpoint_ids[WARM_UP:]:
            attach_and_detach(connection, network_id, endpoint_id)
        assert plugin_pid() == process
        assert_flat(before, footprint(process))


def attach_and_detach(connection: Connection, network_id: str, endpoint_id: str) -> None:
    ids = {"NetworkID": network_id, "EndpointID": endpoint_id}
    connection.call("CreateEndpoint", **ids, Interface={}, Options={})
    answer = connection.call("Join", **ids, SandboxKey="/run/docker/netns/none", Options={})
    ifname = answer["InterfaceName"]["SrcName"]
    assert ifname in run("wg", "show", "interfaces")
    connection.call("Leave", **ids)
    connection.call("DeleteEndpoint", **ids)
    assert ifname not in run("wg", "show", "interfaces")
