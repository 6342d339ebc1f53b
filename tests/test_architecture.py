"""The rooms of the package: which may import which, and which libraries are whose."""

from __future__ import annotations

import ast
import subprocess
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "wgplugin"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

GROUND = {"__init__", "clock", "codes", "errors", "files", "redact", "threads", "timings"}
"""The modules beside the rooms that every room may import; all others there are "top"."""

MAY_IMPORT = {
    "top": {"docker", "cli", "networks", "state", "conf", "model", "kernel"},
    "docker": {"networks", "conf", "model"},
    "cli": {"networks", "conf", "model"},
    "networks": {"state", "conf", "model"},
    "conf": {"model"},
    "state": {"model"},
    "kernel": {"model"},
    "model": set(),
    "ground": set(),
}
LIBRARIES = {
    "pyroute2": {"kernel"},
    "ctypes": {"kernel"},
    "starlette": {"docker"},
    "uvicorn": {"top"},
    "yaml": {"conf"},
    "prometheus_client": {"networks"},
    "nacl": {"cli"},
    "segno": {"cli"},
    "dnslib": {"networks"},
}
INPUT_AND_OUTPUT = {"asyncio", "logging", "os", "pathlib", "socket", "subprocess", "threading"}


def room_of(module: Path) -> str:
    """Return the room of a module, given its path in the package."""
    if len(module.parts) > 1:
        return module.parts[0]
    return "ground" if module.stem in GROUND else "top"


def imported(source: str) -> set[str]:
    """Return the modules that a source imports, and those that its names may be of."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {node.module or "", *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def faults(room: str, source: str) -> set[str]:
    """Return the imports of a source that its room may not have."""
    found = set()
    for name in imported(source):
        package, _, rest = name.partition(".")
        if package == "wgplugin":
            target = rest.partition(".")[0]
            is_room = (PACKAGE / target).is_dir() and target
            theirs = target if is_room else room_of(Path(f"{target or '__init__'}.py"))
            if not is_room and not (PACKAGE / f"{target}.py").exists():
                continue
            if theirs not in {"ground", room, *MAY_IMPORT[room]}:
                found.add(name)
        elif room not in LIBRARIES.get(package, {room}) or (
            room == "model" and package in INPUT_AND_OUTPUT
        ):
            found.add(name)
    return found


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module_imports_only_what_its_room_may(module: Path) -> None:
    assert faults(room_of(module), (PACKAGE / module).read_text()) == set()


@pytest.mark.parametrize(("room", "other"), list(product(MAY_IMPORT, MAY_IMPORT)))
def test_planted_arrow_against_the_order_is_found(room: str, other: str) -> None:
    target = {"top": "serve", "ground": "errors"}.get(other, f"{other}.planted")
    allowed = other in {room, "ground", *MAY_IMPORT[room]}
    assert bool(faults(room, f"from wgplugin.{target} import name")) is not allowed
    assert bool(faults(room, f"import wgplugin.{target}")) is not allowed


@pytest.mark.parametrize(("room", "library"), list(product(MAY_IMPORT, LIBRARIES)))
def test_planted_library_of_another_room_is_found(room: str, library: str) -> None:
    allowed = room in LIBRARIES[library]
    assert bool(faults(room, f"from {library}.part import name")) is not allowed


@pytest.mark.parametrize("library", sorted(INPUT_AND_OUTPUT))
def test_planted_input_or_output_in_a_value_is_found(library: str) -> None:
    assert faults("model", f"def late():\n    import {library}\n") == {library}


def test_order_of_the_rooms_has_no_circle() -> None:
    left = dict(MAY_IMPORT)
    while left:
        free = {room for room, below in left.items() if not below & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in free}


@pytest.mark.parametrize("kernel", ["wgplugin.kernel.host", "wgplugin.kernel.containers"])
def test_serve_alone_picks_a_kernel(kernel: str) -> None:
    users = [
        module
        for module in MODULES
        if kernel in imported((PACKAGE / module).read_text()) and room_of(module) != "kernel"
    ]
    assert users == [Path("serve.py")]


def test_commands_for_a_person_are_apart_from_the_plugin() -> None:
    """The plugin's root file system is without them."""

    def uses(module: Path) -> bool:
        names = imported((PACKAGE / module).read_text())
        return any(name.startswith("wgplugin.cli") for name in names)

    users = [module for module in MODULES if room_of(module) != "cli" and uses(module)]
    assert users == [Path("__main__.py")]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_root_file_system_is_built_anew_when_a_module_changes(module: Path) -> None:
    """Without that, a root file system without the change would be tested and released."""
    command = ["make", "--print-data-base", "--question", "--silent", "help"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    rules = (line for line in listing.splitlines() if line.startswith("build/rootfs.tar:"))
    assert f"wgplugin/{module}" in next(rules).split()


@pytest.mark.parametrize("private", ["nlm_generator", ".marshal"])
def test_private_part_of_pyroute2_is_used_in_one_file(private: str) -> None:
    users = [module for module in MODULES if private in (PACKAGE / module).read_text()]
    assert users == [Path("kernel/iproute.py")]
