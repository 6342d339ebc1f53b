"""The state folder's disk is full: what can't be remembered isn't begun, what runs goes on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.commands import refused, run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, create_network, docker, network, state_folder
from tests.e2e.faults.starting import created
from tests.e2e.faults.state import docker_has, plugin_has
from tests.e2e.faults.traffic import unbroken
from tests.e2e.modes import Mode, places
from tests.e2e.provider import WEB_IPV4

SAID = "the state folder can't be written: [Errno 28] No space left on device"


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte more goes on a disk, for as long as the block lasts."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filling.unlink()


@contextmanager
def small_disk() -> Iterator[Path]:
    """The state folder is on a disk of its own, for as long as the block lasts."""
    folder = state_folder()
    kinds = [path.name for path in folder.iterdir()]
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    try:
        for kind in kinds:
            (folder / kind).mkdir()
        yield folder
    finally:
        run("umount", str(folder))


def test_full_disk_refuses_what_is_new_and_leaves_the_rest_alone(
    configurations: Configurations, mode: Mode
) -> None:
    new = configurations.client("new", "10.8.35.2/32", allowed_ips="0.0.0.0/0")
    with (
        small_disk() as disk,
        places(mode, configurations, "full", "10.8.35.0", "10.8.35.1") as (running, waiting),
        container(running.net) as box,
        created(waiting.net) as later,
    ):
        with unbroken(box) as traffic, full(disk):
            assert SAID in refused(*create_network("new", new, *mode.options))
            assert SAID in refused("docker", "start", later.name)
            traffic.goes_on()
        assert plugin_has() == docker_has()
        docker("start", later.name)
        assert later.fetch(WEB_IPV4) == waiting.address
        with network(new, *mode.options) as third, container(third) as latest:
            assert latest.fetch(WEB_IPV4) == "10.8.35.2"
        assert plugin_has() == docker_has()


def test_container_ends_on_a_full_disk(configurations: Configurations, mode: Mode) -> None:
    name = configurations.client("ends", "10.8.35.9/32", allowed_ips="0.0.0.0/0")
    with (
        small_disk() as disk,
        network(name, *mode.options) as net,
        container(net) as box,
        full(disk),
    ):
        docker("rm", "--force", box.name)
        assert plugin_has() == docker_has()
