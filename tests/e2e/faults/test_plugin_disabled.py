"""The plugin is disabled by force: tunnels go on, and what ends meanwhile is cleared up later."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import PLUGIN, container, docker, network
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.faults.traffic import unbroken
from tests.e2e.modes import Mode, places, same_router
from tests.e2e.provider import WEB_IPV4


def test_tunnel_loses_nothing_while_the_plugin_is_disabled(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client("disabled", "10.8.32.1/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options) as net, container(net) as box:
        with same_router(mode, net), unbroken(box) as traffic:
            docker("plugin", "disable", "--force", PLUGIN)
            traffic.goes_on()
            docker("plugin", "enable", PLUGIN)
        assert plugin_has() == docker_has()
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.32.1"
        assert plugin_has() == docker_has()


def test_containers_that_end_while_the_plugin_is_disabled_leave_nothing(
    configurations: Configurations, mode: Mode
) -> None:
    addresses = ("10.8.32.2", "10.8.32.3", "10.8.32.4")
    with (
        places(mode, configurations, "ends", *addresses) as (first, second, third),
        container(first.net) as stopped,
        container(second.net) as removed,
        container(third.net) as box,
    ):
        with unbroken(box):
            docker("plugin", "disable", "--force", PLUGIN)
            ends = (("stop", "-t", "0", stopped.name), ("rm", "--force", removed.name))
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda command: docker(*command), ends))
            assert plugin_has().devices
            docker("plugin", "enable", PLUGIN)
            docker("start", stopped.name)
            assert stopped.fetch(WEB_IPV4) == first.address
            wait_until(lambda: plugin_has() == docker_has(), "the plugin to clear up")
        with container(second.net) as again:
            assert again.fetch(WEB_IPV4) == second.address
            assert plugin_has() == docker_has()
