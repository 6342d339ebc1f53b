"""The host that the commands are tried on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.scene import DOCKER, PLUGIN, Scene
from wgplugin.cli import client, engine


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Path]]:
    """Servers for all tests, as each takes a while to end; and their folder."""
    scene, folder = Scene(), tmp_path_factory.mktemp("served")
    with scene.at(folder):
        yield scene, folder


@pytest.fixture
def host(served: tuple[Scene, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Docker and a plugin, which know nothing yet, where the commands look for them."""
    scene, folder = served
    scene.forget()
    (tmp_path / "0123").mkdir()
    (tmp_path / "0123" / PLUGIN).symlink_to(folder / PLUGIN)
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    monkeypatch.setattr(engine, "SOCKET", folder / DOCKER)
    return scene
