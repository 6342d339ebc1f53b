"""The plugin is upgraded: tunnels and networks stay, and what Docker forgets is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import refused
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network
from tests.e2e.faults.traffic import unbroken
from tests.e2e.modes import Mode, same_router
from tests.e2e.provider import WEB_IPV4
from tests.e2e.releases import Upgrade

ALIAS = "wireguard-e2e-upgraded:latest"


@pytest.fixture
def installed(releases: Upgrade, config_dir: Path) -> Iterator[str]:
    """The older release, as the user installed it; its name."""
    answers = ("--grant-all-permissions", "--alias", ALIAS)
    docker("plugin", "install", *answers, releases.older, _source(config_dir), "LOG_LEVEL=debug")
    yield ALIAS
    docker("plugin", "rm", "--force", ALIAS)


def test_upgrade_keeps_tunnels_networks_and_the_environment(
    configurations: Configurations, mode: Mode, installed: str, releases: Upgrade
) -> None:
    name = configurations.client("upgraded", "10.8.36.1/32", allowed_ips="0.0.0.0/0")
    with network(name, *mode.options, driver=installed) as net, container(net) as box:
        with same_router(mode, net), unbroken(box) as traffic:
            assert "must be disabled" in refused("docker", "plugin", "upgrade", installed)
            docker("plugin", "disable", "--force", installed)
            upgrade(installed, releases)
            traffic.goes_on()
            docker("plugin", "set", installed, _source(configurations.folder))
            docker("plugin", "enable", installed)
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.1"
        settings = docker("plugin", "inspect", "--format", "{{.Settings.Env}}", installed)
        description = docker("plugin", "inspect", "--format", "{{.Config.Description}}", installed)
    assert "LOG_LEVEL=debug" in settings
    assert releases.description in description


def test_start_after_an_upgrade_says_that_the_folder_must_be_set_again(
    configurations: Configurations, installed: str, releases: Upgrade
) -> None:
    name = configurations.client("moved", "10.8.36.2/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=installed) as net, container(net) as box:
        docker("plugin", "disable", "--force", installed)
        upgrade(installed, releases)
        docker("plugin", "enable", installed)
        advice = "docker plugin set PLUGIN config.source=DIR"
        assert advice in refused("docker", "restart", "-t", "0", box.name)
        docker("plugin", "disable", "--force", installed)
        docker("plugin", "set", installed, _source(configurations.folder))
        docker("plugin", "enable", installed)
        docker("start", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.2"


def upgrade(plugin: str, releases: Upgrade) -> None:
    """Put the newer release in the place of a plugin, which is disabled."""
    answers = ("--skip-remote-check", "--grant-all-permissions")
    docker("plugin", "upgrade", *answers, plugin, releases.newer)


def _source(folder: Path) -> str:
    return f"config.source={folder}"
