"""One plugin and one provider for all tests; after each of them, nothing may be left."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.e2e.docker import (
    IMAGE,
    PLUGIN,
    docker,
    import_image,
    make,
    networks,
    state_folder,
)
from tests.e2e.provider import Provider
from tests.e2e.registry import registry
from tests.e2e.releases import Release, make_release
from tests.e2e.routers import pinned
from tests.opting import skip_all_in
from wgplugin import __version__

OPT_IN = "DOCKER_TESTS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave a host's Docker alone unless its owner opts in."""
    if not os.environ.get(OPT_IN):
        skip_all_in(
            Path(__file__).parent, items, f"installs a Docker plugin; opt in with {OPT_IN}=yes"
        )


@dataclass(frozen=True)
class Configurations:
    """The configuration folder."""

    folder: Path
    provider: Provider

    def write(self, name: str, text: str) -> str:
        """Write NAME.conf and return NAME."""
        (self.folder / f"{name}.conf").write_text(text)
        return name

    def client(
        self,
        name: str,
        *addresses: str,
        assigned: str = "",
        allowed_ips: str,
        endpoint: str = "",
        interface: str = "",
    ) -> str:
        """Write a configuration that the provider admits, and return its name.

        ``assigned`` are the subnets where Docker assigns the addresses, comma-separated;
        ``interface`` is a further line of that section.
        """
        private_key = run("wg", "genkey")
        own = [address.partition("/")[0] for address in addresses] + assigned.split(",")
        self.provider.admit(run("wg", "pubkey", stdin=private_key), *filter(None, own))
        address = f"Address = {', '.join(addresses)}\n" if addresses else ""
        return self.write(
            name,
            f"[Interface]\nPrivateKey = {private_key}\n{address}{interface}\n\n"
            f"[Peer]\nPublicKey = {self.provider.public_key}\n"
            f"Endpoint = {endpoint or self.provider.site.endpoint}\nAllowedIPs = {allowed_ips}\n",
        )


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    import_image()
    yield IMAGE
    docker("rmi", IMAGE)


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def config_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wireguard")


@pytest.fixture(scope="session")
def plugin(image: str, config_dir: Path) -> Iterator[str]:
    make("install", config_dir)
    yield PLUGIN
    make("uninstall", config_dir)
    assert PLUGIN not in docker("plugin", "ls")


@pytest.fixture
def configurations(plugin: str, provider: Provider, config_dir: Path) -> Iterator[Configurations]:
    with configurations_in(config_dir, provider) as configurations:
        yield configurations


@contextmanager
def configurations_in(config_dir: Path, provider: Provider) -> Iterator[Configurations]:
    """The folder, until the block ends; then it is emptied, and nothing else may be left."""
    yield Configurations(config_dir, provider)
    for path in config_dir.iterdir():
        path.unlink()
    assert not [line for line in run("ip", "-brief", "link").splitlines() if line[:3] == "wgp"]
    assert not [path for path in state_folder().rglob("*") if path.is_file()]
    assert not networks()
    assert not pinned()


@pytest.fixture(scope="session")
def repository() -> Iterator[str]:
    """A repository for releases."""
    with registry() as address:
        yield f"{address}/wireguard"


@pytest.fixture(scope="session")
def release(repository: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release of this checkout."""
    return make_release(
        tmp_path_factory.mktemp("release") / "new", __version__, "amd64", repository
    )


@pytest.fixture(scope="session")
def older_release(repository: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that comes before, and not for amd64, which would take longer."""
    return make_release(tmp_path_factory.mktemp("release") / "old", "0.0.1", "arm64", repository)
