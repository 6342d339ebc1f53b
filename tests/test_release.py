"""Under which tags a release is pushed, with a Docker that only writes them down."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
DIGEST = "sha256:" + 64 * "0"
DOCKER = f"""#!/bin/sh
case "$1 $2" in
"info --format") echo "$PWD" ;;
"plugin create") mkdir -p plugins/id && echo '{{"Manifest":"{DIGEST}"}}' >plugins/id/config.json ;;
"plugin push") [ "$3" != "$REFUSED" ] && echo "$3" >>pushed ;;
"plugin inspect") echo id ;;
"plugin rm") echo "$3" >>removed ;;
esac
"""
VERSION_TAGS = ["1.2.3-amd64", "1.2.3-live-amd64"]
PLAIN_TAGS = ["1.2.3", "1.2.3-live", "latest", "live"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Sources of a version, built for both architectures, beside that Docker."""
    shutil.copytree(CHECKOUT / "plugin", tmp_path / "plugin")
    (tmp_path / "plugin/releasable.sh").write_text("#!/bin/sh\n")
    for folder in ("wgplugin", "build", "bin", "usr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "wgplugin/__init__.py").write_text('__version__ = "1.2.3"\n')
    for arch in ("amd64", "arm64"):
        archive = tmp_path / f"build/rootfs-{arch}.tar"
        subprocess.run(["tar", "-C", tmp_path, "-cf", archive, "usr"], check=True)
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    return tmp_path


def release(sources: Path, version: str, *arches: str, refused: str = "") -> list[str]:
    """Release, and return the tags that it told with a digest."""
    path = f"{sources}/bin:{os.environ['PATH']}"
    output = subprocess.run(
        ["plugin/release.sh", version, "registry/plugin", *arches],
        cwd=sources,
        env={**os.environ, "PATH": path, "REFUSED": f"registry/plugin:{refused}"},
        stdout=subprocess.PIPE,
        text=True,
        check=not refused,
    ).stdout
    lines = [line.split() for line in output.splitlines()]
    assert {digest for _, digest in lines} == {DIGEST}
    return [tag for tag, _ in lines]


def listed(file: Path) -> list[str]:
    return [line.rpartition(":")[2] for line in file.read_text().splitlines()]


def test_each_architecture_has_its_tags_and_amd64_the_plain_ones_last(sources: Path) -> None:
    tags = [*VERSION_TAGS, "1.2.3-arm64", "1.2.3-live-arm64", *PLAIN_TAGS]
    assert release(sources, "1.2.3", "amd64", "arm64") == tags
    assert listed(sources / "pushed") == tags
    assert listed(sources / "removed") == tags


def test_other_architectures_have_no_plain_tags(sources: Path) -> None:
    assert release(sources, "1.2.3", "arm64") == ["1.2.3-arm64", "1.2.3-live-arm64"]


def test_release_to_be_tried_is_not_the_latest(sources: Path) -> None:
    tags = ["1.3.0-rc.1-amd64", "1.3.0-rc.1-live-amd64", "1.3.0-rc.1", "1.3.0-rc.1-live"]
    assert release(sources, "1.3.0-rc.1", "amd64") == tags


def test_release_ends_where_the_registry_refuses_and_leaves_no_plugin(sources: Path) -> None:
    assert release(sources, "1.2.3", "amd64", refused="1.2.3-live") == [*VERSION_TAGS, "1.2.3"]
    assert listed(sources / "removed") == [*VERSION_TAGS, "1.2.3", "1.2.3-live"]
