"""A page is followed as a reader would, and what fails is told with its place."""

import os
from pathlib import Path
from select import select

import pytest

from tests.documents import blocks
from tests.walk import WalkError, walk

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def follow(text: str, folder: Path, seconds: int = 60) -> None:
    walk(blocks("page.md", text), folder, ENVIRONMENT, seconds)


def test_blocks_are_one_shell_from_top_to_bottom(tmp_path: Path) -> None:
    follow(
        "```sh\nmkdir inner\ncd inner\nname=value\n```\n```sh\necho $name >file\n```\n", tmp_path
    )
    assert (tmp_path / "inner" / "file").read_text() == "value\n"


def test_files_are_written_where_the_shell_is_by_then(tmp_path: Path) -> None:
    follow(
        "```sh\nmkdir inner\ncd inner\n```\n"
        "In `compose.yaml`:\n\n```yaml\na: $b\n```\n```sh\ncp compose.yaml first\n```\n"
        "Now `compose.yaml`:\n\n```yaml\na: c\n```\n",
        tmp_path,
    )
    assert (tmp_path / "inner" / "first").read_text() == "a: $b\n"
    assert (tmp_path / "inner" / "compose.yaml").read_text() == "a: c\n"


def test_block_that_is_no_file_is_passed_by(tmp_path: Path) -> None:
    follow("```console\ntouch shown\n```\n```text\ntouch text\n```\n", tmp_path)
    assert not list(tmp_path.iterdir())


def test_failure_is_reported_with_its_block_and_all_output(
    tmp_path: Path,
) -> None:
    page = "```sh\necho before\n```\n\n```sh\necho one\ncat missing\necho two\n```\n"
    with pytest.raises(WalkError) as caught:
        follow(page, tmp_path)
    said = str(caught.value)
    assert said.startswith("page.md:6: left the shell with status 1\n")
    printed = said.partition("It printed:")[2]
    assert "\none\n" in printed
    assert "missing: No such file" in printed
    assert "\ntwo\n" not in printed
    assert "before" not in said


@pytest.mark.parametrize(
    "command", ["if", "false | cat && false", "echo $(false)$(exit 3) && exit 0", "exit 0"]
)
def test_block_that_does_not_end_well_fails_the_page(tmp_path: Path, command: str) -> None:
    with pytest.raises(WalkError, match=r"page\.md:2: "):
        follow(f"```sh\n{command}\n```\n```sh\ntrue\n```\n", tmp_path)


def test_block_that_goes_on_for_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(WalkError, match="was not done after 1 s"):
        follow("```sh\nsh -c 'sleep 600' >held\n```\n", tmp_path, seconds=1)
    assert select([held], [], [], 60)[0], "something still holds it"
    os.close(held)


def test_commands_have_no_input_and_no_other_environment(tmp_path: Path) -> None:
    follow('```sh\ntest -z "$HOME"\ncat >file\n```\n', tmp_path)
    assert (tmp_path / "file").read_text() == ""
