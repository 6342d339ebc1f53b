"""The Docker daemon stops or dies: what it starts again comes back into its tunnel."""

import signal

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker, network
from tests.e2e.faults.dockerd import Dockerd
from tests.e2e.faults.names import NAMED_ENDPOINT, NameServer
from tests.e2e.faults.starting import RESTARTED
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.faults.traffic import unbroken
from tests.e2e.modes import Mode, same_router
from tests.e2e.provider import WEB_IPV4

# A namespace that dies holds its port for a while; the container that comes back wants it.
PORT = "ListenPort = 51777"


def comes_back(box: Container) -> None:
    wait_until(lambda: box.inspect()["State"]["Running"], "Docker to start the container again")


def test_container_comes_back_when_dockerd_is_restarted(
    configurations: Configurations, mode: Mode, dockerd: Dockerd
) -> None:
    name = configurations.client("stopped", "10.8.34.1/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options) as net, container(net, *RESTARTED) as box:
        assert plugin_has() == docker_has()
        with same_router(mode, net):
            dockerd.end(signal.SIGTERM)
            stopped = plugin_has()
            assert len(stopped.networks) == 1
            assert not stopped.endpoints | stopped.devices
            dockerd.start()
        comes_back(box)
        assert box.fetch(WEB_IPV4) == "10.8.34.1"
        assert plugin_has() == docker_has()


def test_tunnel_goes_on_and_container_comes_back_when_dockerd_is_killed(
    configurations: Configurations, mode: Mode, dockerd: Dockerd
) -> None:
    name = configurations.client(
        "orphaned", "10.8.34.2/32", allowed_ips="0.0.0.0/0", interface=PORT
    )
    with network(name, *mode.options) as net, container(net, *RESTARTED) as box:
        with same_router(mode, net):
            with unbroken(box):
                dockerd.end(signal.SIGKILL)
            dockerd.start()
        comes_back(box)
        assert box.fetch(WEB_IPV4) == "10.8.34.2"
        assert plugin_has() == docker_has()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name)
def test_tunnel_loses_nothing_where_containers_outlive_dockerd(
    configurations: Configurations, mode: Mode, dockerd: Dockerd, number: signal.Signals
) -> None:
    name = configurations.client(
        "outlives", "10.8.34.3/32", allowed_ips="0.0.0.0/0", interface=PORT
    )
    with network(name, *mode.options) as net, container(net) as box, dockerd.live_restore():
        with same_router(mode, net), unbroken(box) as traffic:
            dockerd.end(number)
            traffic.goes_on()
            dockerd.start()
        assert plugin_has() == docker_has()
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.34.3"
        assert plugin_has() == docker_has()


def test_container_comes_back_before_its_endpoints_name_can_be_resolved(
    configurations: Configurations, mode: Mode, dockerd: Dockerd
) -> None:
    name = configurations.client(
        "named", "10.8.34.4/32", allowed_ips="0.0.0.0/0", endpoint=NAMED_ENDPOINT
    )
    with network(name, *mode.options) as net, NameServer() as names:
        names.answer()
        with container(net, *RESTARTED) as box:
            assert box.fetch(WEB_IPV4) == "10.8.34.4"
            names.keep_silent()
            dockerd.end(signal.SIGKILL)
            dockerd.start()
            comes_back(box)
            assert box.fetch(WEB_IPV4) == "10.8.34.4"
            assert plugin_has() == docker_has()
