"""The lab's Docker daemon in a test's hands; after each test the host has what it had before."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import docker
from tests.e2e.faults.dockerd import LOG, Dockerd
from tests.e2e.modes import OWN, Mode
from tests.e2e.releases import Release, Upgrade
from tests.opting import skip_all_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every daemon but the lab's running."""
    if "LAB_SOURCE" not in os.environ:
        skip_all_in(
            Path(__file__).parent, items, "stops and kills the Docker daemon; in the lab alone"
        )


@pytest.fixture
def mode() -> Mode:
    """The mode of the tests' networks; tests/e2e/live/shared/faults has the other one."""
    return OWN


@pytest.fixture
def releases(older_release: Release, release: Release) -> Upgrade:
    """What a plugin is upgraded from and to."""
    return Upgrade(
        older_release.reference(f"{older_release.version}-arm64"),
        release.reference(release.version),
        f" {release.version}, base edition ",
    )


@pytest.fixture
def dockerd() -> Dockerd:
    return Dockerd()


@pytest.fixture(autouse=True)
def nothing_is_left(plugin: str, provider: object) -> Iterator[None]:
    """The host's links are what they were, and no container is left."""
    before = _links()
    yield
    assert _links() == before
    assert not docker("ps", "--all", "--quiet")


@pytest.fixture(autouse=True)
def no_key_is_logged(configurations: Configurations) -> Iterator[None]:
    """Docker's log, which has the plugin's at its most talkative, has no private key in it."""
    yield
    texts = [path.read_text() for path in configurations.folder.glob("*.conf")]
    keys = re.findall(r"PrivateKey = (\S+)", "".join(texts))
    log = LOG.read_text(errors="replace")
    assert not [key for key in keys if key in log]


def _links() -> list[str]:
    return [line.split()[0] for line in run("ip", "-brief", "link").splitlines()]
