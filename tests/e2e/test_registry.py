"""From `make release` by way of a registry to a container with a tunnel."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.commands import refused, run
from tests.e2e.conftest import Configurations
from tests.e2e.docker import container, create_network, docker, network
from tests.e2e.provider import WEB_IPV4
from tests.e2e.releases import Release

ALIAS = "wireguard-e2e-alias"
PLUGIN = f"{ALIAS}:latest"


@pytest.fixture
def removed() -> Iterator[None]:
    """What a test has installed is removed."""
    yield
    docker("plugin", "rm", "--force", PLUGIN)


def install(reference: str, folder: Path, alias: str = ALIAS) -> tuple[str, ...]:
    """Return the command that installs a release."""
    answers = ("--grant-all-permissions", "--alias", alias)
    return ("docker", "plugin", "install", *answers, reference, f"config.source={folder}")


def digest_in_registry(release: Release, tag: str) -> str:
    """Return the digest of what the registry has under a tag."""
    address, _, path = release.repository.partition("/")
    with urlopen(f"http://{address}/v2/{path}/manifests/{tag}") as answer:
        return f"sha256:{hashlib.sha256(answer.read()).hexdigest()}"


def inspect(value: str) -> str:
    return docker("plugin", "inspect", "--format", value, PLUGIN)


def test_release_has_tags_of_its_architecture_and_plain_ones_for_each_edition(
    release: Release,
) -> None:
    version = release.version
    base = {f"{version}-amd64", version, "latest"}
    live = {f"{version}-live-amd64", f"{version}-live", "live"}
    assert set(release.pushed) == base | live
    (base_digest,) = {release.pushed[tag] for tag in base}
    (live_digest,) = {release.pushed[tag] for tag in live}
    assert base_digest != live_digest
    assert {digest_in_registry(release, tag) for tag in base} == {base_digest}
    assert {digest_in_registry(release, tag) for tag in live} == {live_digest}


def test_installed_release_carries_a_tunnel_and_says_its_version(
    configurations: Configurations, release: Release, removed: None
) -> None:
    run(*install(release.reference("latest"), configurations.folder))
    assert f" {release.version}, base edition (build " in inspect("{{.Config.Description}}")
    name = configurations.client("pulled", "10.8.41.1/32", allowed_ips="0.0.0.0/0")
    # Of the name that --alias gave, the tag is a part.
    assert "could not resolve driver" in refused(*create_network("net", name, driver=ALIAS))
    with network(name, driver=PLUGIN) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.41.1"


def test_installed_live_release_works_inside_containers(
    configurations: Configurations, release: Release, removed: None
) -> None:
    run(*install(release.reference("live"), configurations.folder, alias=PLUGIN))
    assert f" {release.version}, live edition (build " in inspect("{{.Config.Description}}")
    addresses = ("10.8.41.2/32", "10.8.41.3/32")
    name = configurations.client("pulled-live", *addresses, allowed_ips="0.0.0.0/0")
    with network(name, driver=PLUGIN) as net, container(net) as box:
        assert box.fetch(WEB_IPV4) == "10.8.41.2"
        assert "10.8.41.3" in box.run("ip", "address", "show", "wg0")


def test_install_without_the_folder_leaves_a_plugin_that_can_be_set_and_enabled(
    release: Release, removed: None, config_dir: Path, tmp_path: Path
) -> None:
    command = install(release.reference("latest"), tmp_path / "missing")
    assert "missing" in refused(*command)
    assert inspect("{{.Enabled}}") == "false"
    assert "already exists" in refused(*command)
    docker("plugin", "set", PLUGIN, f"config.source={config_dir}")
    docker("plugin", "enable", PLUGIN)
