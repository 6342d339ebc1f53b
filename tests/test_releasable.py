"""What isn't released: another version than the package's, or what nobody has committed."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ROOT_ALONE = "run it as root"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Sources of version 1.2.3, committed."""
    shutil.copytree(CHECKOUT / "plugin", tmp_path / "plugin")
    (tmp_path / "wgplugin").mkdir()
    (tmp_path / "wgplugin/__init__.py").write_text('"""A plugin."""\n\n__version__ = "1.2.3"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "All of it")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def refusal(sources: Path, version: str = "1.2.3", repository: str = "localhost/plugin") -> str:
    """Return why it isn't to be released; nothing if it is, or if only who asks is wrong."""
    run = subprocess.run(
        ["plugin/releasable.sh", version, repository],
        cwd=sources,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(run.returncode) == bool(run.stderr)
    return "" if ROOT_ALONE in run.stderr else run.stderr


def test_committed_sources_can_be_released_as_their_version(sources: Path) -> None:
    assert not refusal(sources)


def test_sources_that_no_git_knows_can_be_released(sources: Path) -> None:
    shutil.rmtree(sources / ".git")
    assert not refusal(sources)


def test_other_versions_are_refused(sources: Path) -> None:
    assert "VERSION is 1.2.4, and wgplugin/__init__.py says 1.2.3" in refusal(sources, "1.2.4")


@pytest.mark.parametrize(("version", "repository"), [("", "localhost/plugin"), ("1.2.3", "")])
def test_both_must_be_named(sources: Path, version: str, repository: str) -> None:
    assert "VERSION=1.2.3 and REPOSITORY=HOST/PATH" in refusal(sources, version, repository)


def test_changed_and_added_files_are_refused_by_name(sources: Path) -> None:
    (sources / "plugin/build.sh").write_text("true")
    (sources / "notes").touch()
    said = refusal(sources)
    assert "plugin/build.sh" in said
    assert "notes" in said


def test_sources_whose_git_fails_are_refused(sources: Path) -> None:
    (sources / ".git/HEAD").unlink()
    assert "git doesn't tell" in refusal(sources)
