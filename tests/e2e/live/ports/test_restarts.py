"""What dies or stops takes no published port along, and open connections go on where they can."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.commands import run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import PLUGIN, Container, docker, plugin_pid
from tests.e2e.faults.dockerd import Dockerd
from tests.e2e.faults.processes import end
from tests.e2e.faults.starting import RESTARTED
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.live.ports.clients import CLIENT, HOST, Conversation, answers, ask
from tests.e2e.live.ports.serving import TABLES, Tunnel, listens, remains, serving, tunnel_network
from tests.e2e.modes import OWN, SHARED

AT_ONCE = 2.0
"""Seconds that a port may take to work again."""
MODES = {8580: OWN, 8581: SHARED}
ENDS = 8582

in_the_lab = pytest.mark.skipif(
    "LAB_SOURCE" not in os.environ, reason="stops and kills the Docker daemon; in the lab alone"
)


@dataclass(frozen=True)
class Served:
    """A container of each mode with a published port, which Docker starts again."""

    tunnels: dict[int, Tunnel]
    boxes: dict[int, Container]

    def are_shown(self) -> bool:
        """Tell whether the plugin answers, and its status has the ports."""
        try:
            shown = [tunnel.published() for tunnel in self.tunnels.values()]
        except OSError:
            return False
        return shown == [[f"{port}:80/tcp"] for port in self.tunnels]


@pytest.fixture(scope="module")
def served(configurations: Configurations) -> Iterator[Served]:
    served = Served({}, {})
    with ExitStack() as stack:
        for port, mode in MODES.items():
            name, number = f"restarted-{port}", port - 8390
            tunnel = stack.enter_context(tunnel_network(mode, configurations, name, number))
            ports = (f"{port}:80",)
            box = stack.enter_context(serving(tunnel.net, publish=ports, options=RESTARTED))
            served.tunnels[port], served.boxes[port] = tunnel, box
        yield served


@pytest.fixture(autouse=True)
def well(served: Served) -> Iterator[None]:
    """After each test the ports work, and the plugin has what Docker has."""
    yield
    assert [ask(HOST, port, abroad=True) for port in MODES] == [CLIENT] * len(MODES)
    assert plugin_has() == docker_has()
    wait_until(served.are_shown, "the ports in the status")


@dataclass(frozen=True)
class Unbroken:
    """Clients that go on with their conversations."""

    clients: tuple[Conversation, ...]

    def go_on(self) -> None:
        """See that they are answered, and new clients, too."""
        assert [client.ask() for client in self.clients] == [CLIENT] * len(self.clients)
        assert answered()


@contextmanager
def unbroken() -> Iterator[Unbroken]:
    """No connection is lost while the block lasts."""
    with ExitStack() as stack:
        clients = (closing(Conversation(HOST, port, abroad=True)) for port in MODES)
        conversations = Unbroken(tuple(map(stack.enter_context, clients)))
        conversations.go_on()
        yield conversations
        conversations.go_on()


def answered() -> bool:
    return all(answers(HOST, port, abroad=True) for port in MODES)


def work_at_once() -> None:
    """See that the ports work, within `AT_ONCE`."""
    start = time.monotonic()
    wait_until(answered, "the ports")
    assert time.monotonic() - start < AT_ONCE


@contextmanager
def disabled() -> Iterator[None]:
    docker("plugin", "disable", "--force", PLUGIN)
    try:
        yield
    finally:
        docker("plugin", "enable", PLUGIN)


def test_ports_work_while_the_plugin_is_killed_and_comes_back(served: Served) -> None:
    with unbroken() as clients:
        before = plugin_pid()
        end(before, signal.SIGKILL)
        clients.go_on()
        wait_until(lambda: plugin_pid() != before, "the plugin")


def test_ports_work_while_the_plugin_is_disabled_and_what_was_flushed_meanwhile_comes_back(
    served: Served,
) -> None:
    with unbroken() as clients:
        with disabled():
            clients.go_on()
            (table,) = (line for line in remains() if TABLES in line)
            run("nft", "delete", *table.split())
            assert not answered()
        work_at_once()


def test_port_ends_with_a_container_that_ends_while_the_plugin_is_disabled(
    configurations: Configurations, served: Served
) -> None:
    with (
        tunnel_network(OWN, configurations, "ends", 182) as tunnel,
        serving(tunnel.net, publish=(f"{ENDS}:80",)) as box,
    ):
        assert ask(HOST, ENDS, abroad=True) == CLIENT
        with disabled():
            os.kill(box.pid(), signal.SIGKILL)
            assert answered()
        wait_until(lambda: not answers("127.0.0.1", ENDS), "the port's end")


@in_the_lab
def test_connections_go_on_where_containers_outlive_dockerd(served: Served) -> None:
    dockerd = Dockerd()
    with dockerd.live_restore(), unbroken() as clients:
        dockerd.end(signal.SIGKILL)
        clients.go_on()
        dockerd.start()


@in_the_lab
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name)
def test_ports_come_back_with_their_containers(served: Served, number: signal.Signals) -> None:
    dockerd = Dockerd()
    dockerd.end(number)
    if number is signal.SIGKILL:
        # Containers go on until the daemon starts again.
        assert answered()
    dockerd.start()
    for box in served.boxes.values():
        listens(box)
    work_at_once()
