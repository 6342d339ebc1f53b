"""The plugin is disabled by force: tunnels go on, and what ends meanwhile is cleared up later."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import PLUGIN, container, docker, network
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.faults.traffic import unbroken
from tests.e2e.provider import WEB_IPV4


def test_tunnel_loses_nothing_while_the_plugin_is_disabled(configurations: Configurations) -> None:
    name = configurations.client("disabled", "10.8.32.1/32", allowed_ips="0.0.0.0/0")
    with network(name) as net, container(net) as box:
        with unbroken(box) as traffic:
            docker("plugin", "disable", "--force", PLUGIN)
            traffic.goes_on()
            docker("plugin", "enable", PLUGIN)
        assert plugin_has() == docker_has()
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.32.1"
        assert plugin_has() == docker_has()


def test_containers_that_end_while_the_plugin_is_disabled_leave_nothing(
    configurations: Configurations,
) -> None:
    names = [
        configurations.client(f"ends-{number}", f"10.8.32.{number}/32", allowed_ips="0.0.0.0/0")
        for number in (2, 3, 4)
    ]
    with (
        network(names[0]) as first,
        network(names[1]) as second,
        network(names[2]) as third,
        container(first) as stopped,
        container(second) as removed,
        container(third) as box,
    ):
        with unbroken(box):
            docker("plugin", "disable", "--force", PLUGIN)
            ends = (("stop", "-t", "0", stopped.name), ("rm", "--force", removed.name))
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda command: docker(*command), ends))
            assert plugin_has().devices
            docker("plugin", "enable", PLUGIN)
            docker("start", stopped.name)
            assert stopped.fetch(WEB_IPV4) == "10.8.32.2"
            wait_until(lambda: plugin_has() == docker_has(), "the plugin to clear up")
        with container(second) as again:
            assert again.fetch(WEB_IPV4) == "10.8.32.3"
            assert plugin_has() == docker_has()
