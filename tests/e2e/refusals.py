"""Containers whose start is refused, and what must be true then and after the cure."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.e2e.commands import refused, run, wait_until
from tests.e2e.conftest import Configurations
from tests.e2e.docker import (
    IMAGE,
    Container,
    create_network,
    docker,
    network,
)
from tests.e2e.docker_release import at_hand
from tests.e2e.engine import remove
from wgplugin.codes import Code

CONFIGURATION = "refusal"
SUBNET, ADDRESS, OTHER_ADDRESS = "10.8.61.0/24", "10.8.61.9", "10.8.61.10"
DOCKER_LOG = Path("/var/log/dockerd.log")


@dataclass(frozen=True)
class Tunnel:
    """A configuration, and two networks on it.

    On ``net`` a container has the file's address, on ``assigned`` one of Docker's.
    """

    folder: Path
    net: str
    assigned: str
    text: str

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.folder / f"{CONFIGURATION}.conf"

    @property
    def settings(self) -> Path:
        """The plugin's settings, a file that isn't there without a cause."""
        return self.folder / "wgplugin.yaml"

    def restore(self) -> None:
        """Leave the configuration alone in the folder, as it was."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        self.file.write_text(self.text)


@contextmanager
def tunnel_in(configurations: Configurations) -> Iterator[Tunnel]:
    """The tunnel of the containers, for as long as the block lasts."""
    folder = configurations.folder
    configurations.client(CONFIGURATION, f"{ADDRESS}/32", allowed_ips="203.0.113.0/24")
    text = (folder / f"{CONFIGURATION}.conf").read_text()
    assigned = f"{CONFIGURATION}-assigned"
    with network(CONFIGURATION) as net:
        run(*create_network(assigned, CONFIGURATION, "--subnet", SUBNET))
        try:
            yield Tunnel(folder, net, assigned, text)
        finally:
            docker("network", "rm", assigned)


@contextmanager
def bridge_of_refusals() -> Iterator[str]:
    """The containers' other network, for as long as the block lasts."""
    name = "bridge-of-refusals"
    docker("network", "create", "--subnet", "100.64.61.0/24", name)
    try:
        yield name
    finally:
        docker("network", "rm", name)


@dataclass(frozen=True)
class Stage:
    """A container that isn't running, on a tunnel's network and on a bridge."""

    tunnel: Tunnel
    net: str
    bridge: str
    box: Container

    def reconnect(self, *options: str) -> None:
        """Connect the container to the tunnel's network with other options."""
        docker("network", "disconnect", self.net, self.box.name)
        docker("network", "connect", *options, self.net, self.box.name)

    def expect_networks(self) -> int:
        """Check that the container has both networks in Docker's records; return its process id."""
        inspected = self.box.inspect()
        assert set(inspected["NetworkSettings"]["Networks"]) == {self.net, self.bridge}
        assert inspected["HostConfig"]["NetworkMode"] == self.net
        return int(inspected["State"]["Pid"])


Lasts = Callable[[Stage], AbstractContextManager[None]]


@dataclass(frozen=True)
class Cause:
    """A cause for which a start is refused with these codes.

    It lasts as long as the block of ``lasts``, whose end is the cure. With ``assigned``, Docker
    assigns the container's address. ``create`` are the options that the container is created with.
    Docker before ``cured_from`` can't take the cause off a container.
    """

    name: str
    codes: tuple[Code, ...]
    lasts: Lasts
    assigned: bool = False
    create: tuple[str, ...] = ()
    cured_from: int = 0


@contextmanager
def stage(tunnel: Tunnel, bridge: str, cause: Cause) -> Iterator[Stage]:
    """A container for a cause, for as long as the block lasts."""
    tunnel.restore()
    box = Container(f"container-{uuid4().hex[:8]}")
    net = tunnel.assigned if cause.assigned else tunnel.net
    try:
        create = ("create", "--name", box.name, "--network", net, *cause.create)
        docker(*create, IMAGE, "/busybox", "sleep", "600")
        docker("network", "connect", bridge, box.name)
        yield Stage(tunnel, net, bridge, box)
    finally:
        remove(box.name)


def expect_refusal_and_cure(tunnel: Tunnel, bridge: str, cause: Cause) -> None:
    """Check that CreateEndpoint refuses the start, and that the next start after the cure works.

    The container keeps its networks. From Docker 29 on it would lose one that Join refuses.
    """
    with stage(tunnel, bridge, cause) as at:
        with cause.lasts(at):
            before = _log_size()
            output = refused("docker", "start", at.box.name)
            assert "NetworkDriver.CreateEndpoint: " in output
            assert not [code for code in cause.codes if f" [{code}]" not in output], output
            at.expect_networks()
            expect_no_device_on_the_host()
            _expect_log_of_create_endpoint(before)
        if not cause.cured_from or docker_major() >= cause.cured_from:
            expect_start(at)


def expect_start(at: Stage) -> None:
    """Check that the container starts, and is in the tunnel and on the bridge."""
    docker("start", at.box.name)
    enter = ("nsenter", "--net", "--target", str(at.expect_networks()))
    devices = run(*enter, "ip", "-oneline", "link").splitlines()
    names = {line.split(": ")[1].partition("@")[0] for line in devices}
    assert names >= {"lo", "wg0"}
    assert [name for name in names if name.startswith("eth")]


def expect_no_device_on_the_host() -> None:
    """Check that no device of the plugin's is left."""
    assert "wgp" not in run("ip", "-brief", "link")


def docker_major() -> int:
    """Return the first number of Docker's release."""
    return at_hand()[0]


def _log_size() -> int:
    return DOCKER_LOG.stat().st_size if DOCKER_LOG.exists() else 0


def _expect_log_of_create_endpoint(since: int) -> None:
    """Check the plugin's lines in the lab's log of dockerd."""
    if not DOCKER_LOG.exists():
        return

    def logged() -> bytes:
        return DOCKER_LOG.read_bytes()[since:]

    wait_until(lambda: b"CreateEndpoint refused: " in logged(), "the plugin's log")
    assert b"Join refused: " not in logged()
