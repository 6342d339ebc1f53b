"""A client that has come by a bridge is still answered there after a tunnel is connected."""

import subprocess
from collections.abc import Iterator
from subprocess import PIPE, Popen

import pytest

from tests.e2e.commands import wait_until
from tests.e2e.docker import docker
from tests.e2e.live.leaks.scene import Scene
from tests.e2e.provider import WEB_IPV4
from tests.e2e.test_lan import HOST, lan

__all__ = ["lan"]

PUBLISH = ("--publish", "8090:90", "--publish", "8091:91")
REFUSED = 7
ECHO = "exec nc -ll -p 90 -e cat"


@pytest.fixture
def client(lan: tuple[str, ...]) -> Iterator["Client"]:
    client = Client(lan)
    yield client
    client.close()


class Client:
    """A host on the LAN with one connection to the published port."""

    def __init__(self, lan: tuple[str, ...]) -> None:
        self._command = (*lan, "busybox", "nc", HOST, "8090")
        self._process: Popen[str] | None = None

    def is_echoed(self, line: str) -> bool:
        """Return whether a line comes back; connect first if there is no connection."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = Popen(self._command, stdin=PIPE, stdout=PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return self._process.stdout.readline() == f"{line}\n"

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()


def test_open_connection_of_a_client_goes_on_beside_a_new_tunnel(
    scene: Scene, client: Client
) -> None:
    with (
        scene.tunnel("beside", "10.8.118.1/32", "fd08:118::1/128") as tunnel,
        scene.box(scene.bridge, options=PUBLISH, command=ECHO) as box,
    ):
        wait_until(lambda: client.is_echoed("first"), "the published port")
        docker("network", "connect", tunnel.net, box.name)
        assert client.is_echoed("second")
        assert box.fetch(WEB_IPV4) == "10.8.118.1"
        assert client.is_echoed("third")


def test_refusal_of_a_closed_port_reaches_the_client(scene: Scene, lan: tuple[str, ...]) -> None:
    """The kernel's own replies belong to no socket of the container."""
    with (
        scene.tunnel("closed", "10.8.119.1/32", "fd08:119::1/128") as tunnel,
        scene.box(scene.bridge, tunnel, options=PUBLISH, command=ECHO) as box,
    ):
        assert box.fetch(WEB_IPV4) == "10.8.119.1"
        page = (*lan, "curl", "-s", "-m", "10", f"http://{HOST}:8091/")
        assert subprocess.run(page, check=False).returncode == REFUSED
