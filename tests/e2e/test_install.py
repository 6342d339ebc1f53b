"""make install and make uninstall: whatever is there, they come to the same end or say why not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import refused, run, succeeds
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, docker, network
from tests.e2e.provider import WEB_IPV4
from tests.e2e.sources import Sources, copy_sources

PLUGIN = "wireguard-e2e-install:latest"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return copy_sources(tmp_path_factory.mktemp("sources") / "first")


@pytest.fixture(scope="module", autouse=True)
def uninstalled(sources: Sources) -> Iterator[None]:
    """Whatever the tests leave is removed by the command that is to be able to."""
    yield
    run(*sources.make("uninstall", PLUGIN=PLUGIN))
    assert not succeeds("docker", "plugin", "inspect", PLUGIN)


def install(sources: Sources, folder: Path, level: str = "info") -> tuple[str, ...]:
    """Return the command that installs the plugin of these tests."""
    return sources.make("install", PLUGIN=PLUGIN, CONFIG_DIR=folder, LOG_LEVEL=level)


def enabled() -> str:
    return docker("plugin", "inspect", "--format", "{{.Enabled}}", PLUGIN)


def environment() -> str:
    return docker("plugin", "inspect", "--format", "{{.Settings.Env}}", PLUGIN)


def plugin_id() -> str:
    return docker("plugin", "inspect", "--format", "{{.Id}}", PLUGIN)


def test_second_install_of_a_build_changes_nothing_and_says_so(
    sources: Sources, configurations: Configurations
) -> None:
    run(*install(sources, configurations.folder))
    first = plugin_id()
    name = configurations.client("installed", "10.8.40.1/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=PLUGIN) as net, container(net) as box:
        said = run(*install(sources, configurations.folder))
        assert box.fetch(WEB_IPV4) == "10.8.40.1"
    assert "is installed and enabled already" in said
    assert "docker wireguard is installed already" in said
    assert plugin_id() == first


@pytest.mark.parametrize("edition", ["base", "live"])
def test_a_build_can_be_there_by_two_names_at_once(
    sources: Sources, config_dir: Path, edition: str
) -> None:
    run(*install(sources, config_dir))
    other = PLUGIN.replace("latest", "other")
    run(*sources.make("plugin", PLUGIN=other, EDITION=edition))
    docker("plugin", "rm", other)


def test_install_enables_what_was_left_disabled(sources: Sources, config_dir: Path) -> None:
    run(*install(sources, config_dir))
    docker("plugin", "disable", PLUGIN)
    docker("plugin", "set", PLUGIN, "config.source=/nowhere")
    assert "/nowhere" in refused("docker", "plugin", "enable", PLUGIN)
    run(*install(sources, config_dir))
    assert enabled() == "true"


def test_install_changes_settings_only_while_no_network_needs_the_plugin(
    sources: Sources, configurations: Configurations
) -> None:
    run(*install(sources, configurations.folder))
    name = configurations.client("settings", "10.8.40.2/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=PLUGIN) as net:
        said = refused(*install(sources, configurations.folder, level="debug"))
        assert f"docker network rm {net}" in said
        assert "LOG_LEVEL=info" in environment()
    run(*install(sources, configurations.folder, level="debug"))
    assert "LOG_LEVEL=debug" in environment()
    assert enabled() == "true"


def test_another_build_takes_the_first_one_s_place_once_no_network_needs_it(
    sources: Sources, configurations: Configurations, tmp_path: Path
) -> None:
    run(*install(sources, configurations.folder))
    first = plugin_id()
    newer = copy_sources(tmp_path / "newer")
    name = configurations.client("replaced", "10.8.40.3/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=PLUGIN) as net:
        assert f"docker network rm {net}" in refused(*install(newer, configurations.folder))
        assert plugin_id() == first
    run(*install(newer, configurations.folder))
    assert plugin_id() != first
    assert enabled() == "true"


def test_uninstall_is_refused_with_the_networks_to_remove_and_can_come_twice(
    sources: Sources, configurations: Configurations
) -> None:
    uninstall = sources.make("uninstall", PLUGIN=PLUGIN)
    run(*install(sources, configurations.folder))
    name = configurations.client("needed", "10.8.40.4/32", allowed_ips="0.0.0.0/0")
    with network(name, driver=PLUGIN) as net:
        assert f"docker network rm {net}" in refused(*uninstall)
        assert enabled() == "true"
    assert f"Removed {PLUGIN}" in run(*uninstall)
    assert f"{PLUGIN} isn't installed" in run(*uninstall)


def test_install_names_the_folder_that_is_missing_and_leaves_no_plugin(
    sources: Sources, tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    assert f"mkdir -p -m 700 {missing}" in refused(*install(sources, missing))
    assert "doesn't begin with a /" in refused(*install(sources, Path("missing")))
    assert not succeeds("docker", "plugin", "inspect", PLUGIN)


def test_install_and_uninstall_say_that_docker_is_missing(
    sources: Sources, config_dir: Path
) -> None:
    nobody = ("env", "DOCKER_HOST=unix:///run/nobody.sock")
    for command in (install(sources, config_dir), sources.make("uninstall", PLUGIN=PLUGIN)):
        assert "No Docker daemon answers" in refused(*nobody, *command)


def test_install_says_that_wireguard_is_missing(
    sources: Sources, config_dir: Path, tmp_path: Path
) -> None:
    for name in ("ip", "modprobe"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    blind = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/module && "$@"', "sh")
    said = refused(*blind, "env", path, *install(sources, config_dir))
    assert "has no WireGuard" in said
    probe = ("env", "-C", str(sources.folder), "plugin/needs.sh", "wireguard")
    assert succeeds(*blind, *probe), "root sees WireGuard that is no loaded module"
    assert "wg-probe" not in run("ip", "-brief", "link")
