"""Copies of what `make install` and `make release` take, each with a build of its own."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.commands import run
from wgplugin import __version__

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sources:
    """A copy of the checkout, as far as those take it."""

    folder: Path
    version: str

    def make(self, target: str, **variables: object) -> tuple[str, ...]:
        """Return the command that makes a target there."""
        settings = (f"{name}={value}" for name, value in variables.items())
        return ("make", "--no-print-directory", "-C", str(self.folder), target, *settings)


def copy_sources(folder: Path, version: str = __version__, arch: str = "") -> Sources:
    """Copy the checkout into a new folder, with a build whose files are like no other's."""
    (folder / "wgplugin").mkdir(parents=True)
    (folder / "wgplugin/__init__.py").write_text(f'__version__ = "{version}"\n')
    shutil.copytree(CHECKOUT / "plugin", folder / "plugin")
    for name in ("Makefile", "requirements.lock", "requirements-commands.lock"):
        shutil.copy(CHECKOUT / name, folder)
    (folder / "build").mkdir()
    suffix = arch and f"-{arch}"
    archive = folder / f"build/rootfs{suffix}.tar"
    shutil.copyfile(CHECKOUT / "build/rootfs.tar", archive)
    shutil.copy(CHECKOUT / "build/commands.tar", archive.with_name(f"commands{suffix}.tar"))
    # Docker refuses two plugins whose files are all the same.
    (folder / "copy").write_text(str(folder))
    run("tar", "--append", "--file", str(archive), "--directory", str(folder), "./copy")
    return Sources(folder, version)
