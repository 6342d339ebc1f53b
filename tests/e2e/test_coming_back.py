"""What went wrong before is no trouble for the container that starts now."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import IMAGE, PLUGIN, container, docker, network
from tests.e2e.provider import ENDPOINT, PORT, WEB_IPV4

HOSTS = Path("/etc/hosts")
PEER_NAME = "vpn-provider.test"
LISTEN_PORT = 51998


@pytest.fixture
def hosts() -> Iterator[Path]:
    """The host's /etc/hosts, in which the plugin looks names up; it is put back at the end."""
    before = HOSTS.read_text()
    yield HOSTS
    # In place, as the plugin has this very file mounted.
    HOSTS.write_text(before)


def test_container_that_was_removed_while_the_plugin_was_away_holds_nothing(
    configurations: Configurations,
) -> None:
    name = configurations.client("away", "10.8.0.15/32", allowed_ips="0.0.0.0/0")
    with network(name) as net:
        with container(net):
            docker("plugin", "disable", "--force", PLUGIN)
        assert "wgp" in run("ip", "-brief", "link")
        docker("plugin", "enable", PLUGIN)
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.15"


@pytest.fixture
def crowd() -> Iterator[None]:
    """So many network namespaces that some kernels don't tell of the next one at once."""
    names = [f"crowd-{number}" for number in range(140)]
    for name in names:
        run("ip", "netns", "add", name)
        run("ip", "netns", "set", name, "auto")
    yield
    for name in names:
        run("ip", "netns", "del", name)


def test_container_that_runs_holds_its_configuration_after_a_restart_of_the_plugin(
    configurations: Configurations, crowd: None
) -> None:
    name = configurations.client("held", "10.8.0.16/32", allowed_ips="0.0.0.0/0")
    with network(name) as net, container(net) as box:
        docker("plugin", "disable", "--force", PLUGIN)
        docker("plugin", "enable", PLUGIN)
        run_command = ("run", "--rm", "--network", net, IMAGE, "/busybox", "true")
        with pytest.raises(AssertionError, match="is in use by endpoint"):
            docker(*run_command)
        assert box.fetch(WEB_IPV4) == "10.8.0.16"


def test_listen_port_that_is_given_back_is_waited_for(configurations: Configurations) -> None:
    name = configurations.client("port", "10.8.0.17/32", allowed_ips="0.0.0.0/0")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text().replace("Address", f"ListenPort = {LISTEN_PORT}\nAddress"))
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("", LISTEN_PORT))

    def give_back() -> None:
        wait_until(lambda: "wgp" in run("ip", "-brief", "link"), "the device")
        holder.close()

    giver = threading.Thread(target=give_back)
    giver.start()
    with network(name) as net, container(net) as box:
        giver.join()
        assert box.fetch(WEB_IPV4) == "10.8.0.17"
        assert box.in_namespace("wg", "show", "wg0", "listen-port") == str(LISTEN_PORT)


def test_peer_whose_name_does_not_resolve_any_more_is_where_it_was(
    configurations: Configurations, hosts: Path
) -> None:
    name = configurations.client("named", "10.8.0.18/32", allowed_ips="0.0.0.0/0")
    path = configurations.folder / f"{name}.conf"
    path.write_text(path.read_text().replace(ENDPOINT, f"{PEER_NAME}:{PORT}"))
    before = hosts.read_text()
    hosts.write_text(f"{before}\n{ENDPOINT.partition(':')[0]} {PEER_NAME}\n")
    with network(name) as net:
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.18"
        hosts.write_text(before)
        docker("plugin", "disable", "--force", PLUGIN)
        docker("plugin", "enable", PLUGIN)
        with container(net) as box:
            assert box.fetch(WEB_IPV4) == "10.8.0.18"
