"""Whatever happens to one container, or to the file, the others lose nothing."""

import os
import signal
from functools import partial

from tests.e2e.commands import wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import Container, container, docker, plugin_pid
from tests.e2e.faults.processes import end
from tests.e2e.faults.traffic import unbroken
from tests.e2e.live.conftest import tunnel
from tests.e2e.live.shared.conftest import endpoint, reaches, shared
from tests.e2e.live.test_reload import (
    allows,
    datagrams,
    stream,
    streaming,
    test_edit_with_errors_changes_nothing_and_is_reported,
    test_peer_is_added_changed_and_removed_beside_a_stream,
)
from tests.e2e.modes import SHARED
from tests.e2e.provider import WEB_IPV4

__all__ = [
    "stream",
    "test_edit_with_errors_changes_nothing_and_is_reported",
    "test_peer_is_added_changed_and_removed_beside_a_stream",
]


def test_container_loses_nothing_while_others_come_and_go(
    configurations: Configurations, stream: None
) -> None:
    name = configurations.client("steady", "10.8.140.1", allowed_ips="203.0.113.0/24, 10.8.0.0/16")
    with (
        shared(name) as net,
        container(net) as stays,
        container(net) as other,
        streaming(net) as (box, numbers),
        unbroken(box),
        unbroken(box, endpoint(stays, net)["IPAddress"]),
    ):
        numbers.goes_on()
        docker("restart", "-t", "0", other.name)
        assert reaches(box, other.name)
        numbers.goes_on()
        os.kill(other.pid(), signal.SIGKILL)
        docker("wait", other.name)
        docker("start", other.name)
        numbers.goes_on()
        with container(net) as new, container(net):
            assert new.fetch(WEB_IPV4) == "10.8.140.1"
        docker("network", "disconnect", net, other.name)
        docker("network", "connect", net, other.name)
        assert reaches(box, other.name)
        docker("rm", "--force", other.name)
        numbers.goes_on()


def test_containers_lose_nothing_while_the_file_changes(configurations: Configurations) -> None:
    name = configurations.client("edited", "10.8.141.1", allowed_ips="203.0.113.0/24, 10.8.0.0/16")
    path = configurations.folder / f"{name}.conf"
    text, key = path.read_text(), configurations.provider.public_key
    with shared(name) as net, container(net) as box, container(net) as other, unbroken(other):
        assert box.fetch(WEB_IPV4) == "10.8.141.1"
        with datagrams(box) as became:
            for more in ("10.77.0.0/16", "10.78.0.0/16, 10.79.0.0/16", "") * 2:
                stays = ["203.0.113.0/24", "10.8.0.0/16", *filter(None, more.split(", "))]
                edited = text.replace("203.0.113.0/24, 10.8.0.0/16", ", ".join(stays))
                path.write_text(f"{edited}PersistentKeepalive = {20 + len(stays)}\n")
                wait_until(partial(allows, name, key, set(stays)), "the edit")
    assert became["sent"] > 500
    assert became == {"sent": became["sent"], "refused": 0, "answered": became["sent"]}


def test_prefixes_addresses_and_mtu_follow_the_file_in_all_containers(
    configurations: Configurations,
) -> None:
    name = configurations.client("follow", "10.8.142.1", allowed_ips="203.0.113.0/24")
    path = configurations.folder / f"{name}.conf"
    with shared(name) as net, container(net) as box, container(net) as other:
        assert box.fetch(WEB_IPV4) == "10.8.142.1"
        configurations.client(name, "10.8.142.2", allowed_ips="0.0.0.0/0")
        path.write_text(path.read_text().replace("[Peer]", "MTU = 1300\n[Peer]"))
        for each in (box, other):
            wait_until(partial(has_followed, each), "the MTU and the routes")
            assert each.fetch(WEB_IPV4) == "10.8.142.2"
        assert not tunnel(name)["error"]


def has_followed(box: Container) -> bool:
    """Tell whether a container has what the file says by then."""
    shown = box.run("ip", "link", "show", "eth0"), SHARED.destinations(box)
    return "mtu 1300" in shown[0] and "default" in shown[1]


def test_stream_loses_nothing_beside_a_plugin_that_dies_again_and_again(
    configurations: Configurations, stream: None
) -> None:
    name = configurations.client("dying", "10.8.143.1", allowed_ips="203.0.113.0/24")
    with shared(name) as net, streaming(net) as (box, numbers):
        for _ in range(2):
            end(plugin_pid(), signal.SIGKILL)
            plugin_pid()
            numbers.goes_on()
        with container(net) as other:
            assert other.fetch(WEB_IPV4) == "10.8.143.1"
            seen = {each["endpoint"]: each["error"] for each in tunnel(name)["containers"]}
            assert seen == {endpoint(each, net)["EndpointID"]: "" for each in (box, other)}
        numbers.goes_on()
