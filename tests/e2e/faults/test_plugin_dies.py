"""The plugin is killed: tunnels don't notice, and a start that was cut short can be repeated."""

import signal
from contextlib import ExitStack

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network, plugin_pid
from tests.e2e.faults.names import NAMED_ENDPOINT, NameServer
from tests.e2e.faults.processes import end
from tests.e2e.faults.starting import Start, created
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.faults.traffic import unbroken
from tests.e2e.modes import Mode, places, same_router
from tests.e2e.provider import WEB_IPV4

AT_ONCE = 4


def test_tunnel_loses_nothing_when_the_plugin_is_killed(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client("killed", "10.8.30.1/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options) as net, container(net) as box:
        with same_router(mode, net), unbroken(box) as traffic:
            end(plugin_pid(), signal.SIGKILL)
            plugin_pid()
            traffic.goes_on()
        assert plugin_has() == docker_has()
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.30.1"
        assert plugin_has() == docker_has()


def test_start_that_waited_for_a_name_can_be_repeated(
    configurations: Configurations, mode: Mode
) -> None:
    name = configurations.client(
        "waits", "10.8.30.2/32", allowed_ips="0.0.0.0/0", endpoint=NAMED_ENDPOINT
    )
    with network(name, *mode.options) as net, created(net) as box, NameServer() as names:
        start = Start(box)
        names.wait_until_asked()
        end(plugin_pid(), signal.SIGKILL)
        names.answer()
        assert start.error()
        assert plugin_has() == docker_has()
        docker("start", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.30.2"
        assert plugin_has() == docker_has()


def test_starts_that_were_cut_short_can_be_repeated(
    configurations: Configurations, mode: Mode
) -> None:
    addresses = [f"10.8.31.{number}" for number in range(AT_ONCE)]
    with places(mode, configurations, "cut", *addresses) as found, ExitStack() as stack:
        boxes = [stack.enter_context(created(place.net)) for place in found]
        starts = [Start(box) for box in boxes]
        wait_until(lambda: bool(plugin_has().endpoints), "the first endpoint")
        end(plugin_pid(), signal.SIGKILL)
        for start in starts:
            start.error()
        for box, place in zip(boxes, found, strict=True):
            docker("start", box.name)
            assert box.fetch(WEB_IPV4) == place.address
        assert plugin_has() == docker_has()
