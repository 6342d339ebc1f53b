"""The plugin with a leak planted: what the captures must catch."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.commands import run
from tests.e2e.docker import docker

CHECKOUT = Path(__file__).parents[3]
PACKAGE = "usr/lib/python3/dist-packages/wgplugin"


@dataclass(frozen=True)
class Leak:
    """A change of one module's text that makes the plugin leak."""

    name: str
    module: str
    text: str
    instead: str


DOCKERS_GATEWAY = Leak(
    name="docker-gateway",
    module="docker/protocol.py",
    text="disable_gateway_service: Literal[True] = True",
    instead="disable_gateway_service: bool = False",
)
ON_LINK_DEFAULT = Leak(
    name="on-link-default",
    module="model/docker_routes.py",
    text="def _parts(",
    instead="def _parts(net, bypass):\n    yield net, None\n\n\ndef _unused(",
)


@contextmanager
def leaking_plugin(*leaks: Leak, config_dir: Path, config: str = "config.json") -> Iterator[str]:
    """A plugin with these leaks, beside the one under test; ``config`` is that of its edition.

    The changed source lies next to the compiled module, and Python prefers it.
    """
    plugin = f"wireguard-e2e-{leaks[0].name}:latest"
    with TemporaryDirectory() as folder:
        rootfs = Path(folder, "rootfs")
        rootfs.mkdir()
        run("tar", "-C", str(rootfs), "-xf", str(CHECKOUT / "build" / "rootfs.tar"))
        for module in {leak.module for leak in leaks}:
            _plant(module, [leak for leak in leaks if leak.module == module], rootfs / PACKAGE)
        shutil.copy(CHECKOUT / "plugin" / config, Path(folder, "config.json"))
        docker("plugin", "create", plugin, folder)
    try:
        docker("plugin", "set", plugin, f"config.source={config_dir}")
        docker("plugin", "enable", plugin)
        yield plugin
        docker("plugin", "disable", plugin)
    finally:
        docker("plugin", "rm", "--force", plugin)


def _plant(module: str, leaks: list[Leak], package: Path) -> None:
    source = (CHECKOUT / "wgplugin" / module).read_text()
    for leak in leaks:
        assert source.count(leak.text) == 1, f"{module} has no {leak.text!r} to plant a leak in"
        source = source.replace(leak.text, leak.instead)
    planted = package / module
    assert planted.with_suffix(".pyc").exists(), f"the plugin has no {module}"
    planted.write_text(source)
