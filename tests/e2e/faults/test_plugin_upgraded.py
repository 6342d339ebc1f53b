"""The plugin is upgraded: tunnels and networks stay, and what Docker forgets is told."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import refused, run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network
from tests.e2e.faults.registry import ADDRESS, registry
from tests.e2e.faults.traffic import unbroken
from tests.e2e.provider import WEB_IPV4

CHECKOUT = Path(__file__).parents[3]
OLD, NEW = (f"{ADDRESS}/wireguard:{tag}" for tag in ("old", "new"))


@pytest.fixture(scope="module")
def releases(plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two releases of the plugin, in a registry."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "rootfs").mkdir()
    run("tar", "-C", str(folder / "rootfs"), "-xf", str(CHECKOUT / "build/rootfs.tar"))
    shutil.copy(CHECKOUT / "plugin/config.json", folder)
    with registry():
        for reference in (OLD, NEW):
            # Docker 20.10 refuses two plugins whose files are all the same.
            (folder / "rootfs/release").write_text(reference)
            docker("plugin", "create", reference, str(folder))
            docker("plugin", "push", reference)
            docker("plugin", "rm", reference)
        yield


@pytest.fixture
def installed(releases: None, config_dir: Path) -> Iterator[str]:
    """The older release, as the user installed it; its name."""
    settings = (_source(config_dir), "LOG_LEVEL=debug")
    docker("plugin", "install", "--grant-all-permissions", OLD, *settings)
    yield OLD
    docker("plugin", "rm", "--force", OLD)


def test_upgrade_keeps_tunnels_networks_and_the_environment(
    configurations: Configurations, installed: str
) -> None:
    name = configurations.client("upgraded", "10.8.36.1/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=installed) as net, container(net) as box:
        with unbroken(box) as traffic:
            docker("plugin", "disable", "--force", installed)
            upgrade(installed)
            traffic.goes_on()
            docker("plugin", "set", installed, _source(configurations.folder))
            docker("plugin", "enable", installed)
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.1"
        settings = docker("plugin", "inspect", "--format", "{{.Settings.Env}}", installed)
    assert "LOG_LEVEL=debug" in settings


def test_start_after_an_upgrade_says_that_the_folder_must_be_set_again(
    configurations: Configurations, installed: str
) -> None:
    name = configurations.client("moved", "10.8.36.2/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=installed) as net, container(net) as box:
        docker("plugin", "disable", "--force", installed)
        upgrade(installed)
        docker("plugin", "enable", installed)
        advice = "docker plugin set PLUGIN config.source=DIR"
        assert advice in refused("docker", "restart", "-t", "0", box.name)
        docker("plugin", "disable", "--force", installed)
        docker("plugin", "set", installed, _source(configurations.folder))
        docker("plugin", "enable", installed)
        docker("start", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.2"


def upgrade(plugin: str) -> None:
    """Put the newer release in the place of a plugin, which is disabled."""
    answers = ("--skip-remote-check", "--grant-all-permissions")
    docker("plugin", "upgrade", *answers, plugin, NEW)


def _source(folder: Path) -> str:
    return f"config.source={folder}"
