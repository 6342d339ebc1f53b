"""A container ends in a rough way: nothing of it stays, or it comes back."""

import os
import signal

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network
from tests.e2e.faults.starting import RESTARTED
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.modes import Mode
from tests.e2e.provider import WEB_IPV4


def test_removal_by_force_leaves_nothing(configurations: Configurations, mode: Mode) -> None:
    name = configurations.client("removed", "10.8.33.1/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options) as net, container(net) as box:
        assert plugin_has().endpoints
        docker("rm", "--force", box.name)
        assert plugin_has() == docker_has()
        assert not plugin_has().endpoints


def test_killed_container_is_restarted_into_its_tunnel(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client("restarted", "10.8.33.2/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options) as net, container(net, *RESTARTED) as box:
        before = box.pid()
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: box.pid() not in (0, before), "the restart")
        assert box.fetch(WEB_IPV4) == "10.8.33.2"
        assert plugin_has() == docker_has()
