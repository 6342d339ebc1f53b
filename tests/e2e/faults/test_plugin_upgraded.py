"""The plugin is upgraded: tunnels and networks stay, and what Docker forgets is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import refused
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network
from tests.e2e.faults.traffic import unbroken
from tests.e2e.provider import WEB_IPV4
from tests.e2e.releases import Release

ALIAS = "wireguard-e2e-upgraded:latest"


@pytest.fixture
def installed(older_release: Release, config_dir: Path) -> Iterator[str]:
    """The older release, as the user installed it; its name."""
    answers = ("--grant-all-permissions", "--alias", ALIAS)
    reference = older_release.reference(f"{older_release.version}-arm64")
    docker("plugin", "install", *answers, reference, _source(config_dir), "LOG_LEVEL=debug")
    yield ALIAS
    docker("plugin", "rm", "--force", ALIAS)


def test_upgrade_keeps_tunnels_networks_and_the_environment(
    configurations: Configurations, installed: str, release: Release
) -> None:
    name = configurations.client("upgraded", "10.8.36.1/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=installed) as net, container(net) as box:
        with unbroken(box) as traffic:
            assert "must be disabled" in refused("docker", "plugin", "upgrade", installed)
            docker("plugin", "disable", "--force", installed)
            upgrade(installed, release)
            traffic.goes_on()
            docker("plugin", "set", installed, _source(configurations.folder))
            docker("plugin", "enable", installed)
        docker("restart", "-t", "0", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.1"
        settings = docker("plugin", "inspect", "--format", "{{.Settings.Env}}", installed)
        description = docker("plugin", "inspect", "--format", "{{.Config.Description}}", installed)
    assert "LOG_LEVEL=debug" in settings
    assert f" {release.version}, base edition " in description


def test_start_after_an_upgrade_says_that_the_folder_must_be_set_again(
    configurations: Configurations, installed: str, release: Release
) -> None:
    name = configurations.client("moved", "10.8.36.2/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=installed) as net, container(net) as box:
        docker("plugin", "disable", "--force", installed)
        upgrade(installed, release)
        docker("plugin", "enable", installed)
        advice = "docker plugin set PLUGIN config.source=DIR"
        assert advice in refused("docker", "restart", "-t", "0", box.name)
        docker("plugin", "disable", "--force", installed)
        docker("plugin", "set", installed, _source(configurations.folder))
        docker("plugin", "enable", installed)
        docker("start", box.name)
        assert box.fetch(WEB_IPV4) == "10.8.36.2"


def upgrade(plugin: str, release: Release) -> None:
    """Put the newer release in the place of a plugin, which is disabled."""
    answers = ("--skip-remote-check", "--grant-all-permissions")
    docker("plugin", "upgrade", *answers, plugin, release.reference(release.version))


def _source(folder: Path) -> str:
    return f"config.source={folder}"
