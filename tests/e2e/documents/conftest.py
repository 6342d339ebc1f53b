"""The lab as a reader's host."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.documents import Block
from tests.e2e.docker import docker
from tests.e2e.documents import host
from tests.opting import skip_all_in
from tests.walk import walk


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave alone whatever a host has of the names that the documents use."""
    if "LAB_SOURCE" not in os.environ:
        skip_all_in(
            Path(__file__).parent,
            items,
            "uses /etc/wireguard and wireguard:latest; in the lab alone",
        )


@dataclass(frozen=True)
class Reader:
    """Somebody at a shell, as root, with an empty folder for files of the reader's own."""

    folder: Path

    def do(self, *blocks: Block, start: Path) -> None:
        """Do what blocks of a page say; see walk()."""
        walk(blocks, start, host.environment(self.folder))


@pytest.fixture(scope="package")
def images(image: str) -> Iterator[None]:
    """The images that the documents name."""
    names = ("alpine", "busybox")
    for name in names:
        docker("tag", image, name)
    yield
    docker("rmi", *names)


@pytest.fixture(scope="package", autouse=True)
def no_edition_stays() -> Iterator[None]:
    yield
    host.uninstall(host.EDITIONS)


@pytest.fixture
def reader(images: None, plugins: None, tmp_path: Path) -> Iterator[Reader]:
    """A reader on a host with the plugins that the test's own fixture installs."""
    with host.left_as_found():
        yield Reader(tmp_path)
