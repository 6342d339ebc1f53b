"""The plugin is removed by force and installed again: what goes on, and how to get it back."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import refused, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import (
    PLUGIN,
    container,
    create_network,
    docker,
    network,
    plugin_pid,
    state_folder,
)
from tests.e2e.faults.processes import end
from tests.e2e.faults.traffic import unbroken
from tests.e2e.live.shared.conftest import shared
from tests.e2e.modes import SHARED
from tests.e2e.provider import WEB_IPV4
from tests.e2e.routers import PINS, Router, pinned

OTHER = "wireguard-e2e-other:latest"


def install(folder: Path) -> None:
    run("plugin/create.sh", OTHER, "live", "build/rootfs.tar")
    docker("plugin", "set", OTHER, f"config.source={folder}")
    docker("plugin", "enable", OTHER)


@pytest.fixture
def other(plugin: str, config_dir: Path) -> Iterator[str]:
    """Another installation of the live edition."""
    install(config_dir)
    yield OTHER
    docker("plugin", "rm", "--force", OTHER)


def test_tunnel_outlives_the_plugin_that_is_removed_until_its_network_is(
    configurations: Configurations, other: str
) -> None:
    name = configurations.client("removed", "10.8.38.1/32", allowed_ips="0.0.0.0/0")
    forgotten = "forgotten"
    run(*create_network(forgotten, name, *SHARED.options, driver=other))
    with container(forgotten) as box:
        with unbroken(box) as traffic:
            docker("plugin", "rm", "--force", other)
            traffic.goes_on()
        assert pinned() == {Router(forgotten).network_id}
        install(configurations.folder)
        output = refused("docker", "restart", "-t", "0", box.name)
        assert "docker network rm NETWORK" in output
        assert "[WG504]" in output
    docker("network", "rm", forgotten)
    assert not pinned()
    with network(name, *SHARED.options, driver=other) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.38.1"


def test_another_installation_leaves_routers_alone(
    configurations: Configurations, request: pytest.FixtureRequest
) -> None:
    name = configurations.client("apart", "10.8.38.2/32", allowed_ips="0.0.0.0/0")
    theirs = configurations.client("theirs", "10.8.38.3/32", allowed_ips="0.0.0.0/0")
    with shared(name) as net, container(net) as box:
        before = Router(net).identity()
        other = request.getfixturevalue("other")
        with (
            network(theirs, *SHARED.options, driver=other) as net_of_other,
            container(net_of_other) as beside,
        ):
            assert beside.fetch(WEB_IPV4) == "10.8.38.3"
            assert box.fetch(WEB_IPV4) == "10.8.38.2"
            assert Router(net).identity() == before
            docker("plugin", "disable", "--force", PLUGIN)
            docker("plugin", "enable", PLUGIN)
            assert beside.fetch(WEB_IPV4) == "10.8.38.3"
            assert Router(net).identity() == before


def test_router_of_a_network_without_a_record_is_deleted_at_the_start(
    configurations: Configurations,
) -> None:
    name = configurations.client("stray", "10.8.38.5/32", allowed_ips="0.0.0.0/0")
    with shared(name) as net:
        with container(net):
            assert pinned() == {Router(net).network_id}
        docker("plugin", "disable", "--force", PLUGIN)
        (state_folder() / "networks" / f"{Router(net).network_id}.json").unlink()
        docker("plugin", "enable", PLUGIN)
        wait_until(lambda: not pinned(), "the end of the router")
        assert Router(net).network_id not in Path("/proc/self/mountinfo").read_text()


def test_file_without_a_router_is_none(configurations: Configurations) -> None:
    """As on hosts whose /run is on a disk, after they are booted again."""
    name = configurations.client("empty", "10.8.38.4/32", allowed_ips="0.0.0.0/0")
    with shared(name) as net:
        PINS.mkdir(exist_ok=True)
        Router(net).pin.touch()
        before = plugin_pid()
        end(before, signal.SIGKILL)
        wait_until(lambda: plugin_pid() != before, "the plugin")
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.38.4"
