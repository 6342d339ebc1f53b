"""The documents keep to their form: each block is data, or run by a test, or listed here; each link
leads somewhere. What the blocks of commands do is tried by tests/e2e/documents."""

import ast
import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.documents import (
    DATA,
    ROOT,
    RUN,
    SHOWN,
    Block,
    DocumentError,
    anchors,
    blocks,
    links,
    pages,
)
from wgplugin.conf import parser, settings_file

PAGES = pages()
BLOCKS = [block for page, text in PAGES.items() for block in blocks(page, text)]

LAB = "starts a lab"
REGISTRY = "needs a registry; tests/e2e/test_registry.py has one"
# Blocks that no test runs: the page and a piece of the block, and why.
NOT_RUN = {
    ("CONTRIBUTING.md", "make check"): "runs this test",
    ("CONTRIBUTING.md", "tests.lab run"): LAB,
    ("CONTRIBUTING.md", "make release"): REGISTRY,
    ("CONTRIBUTING.md", "cosign verify"): "needs a release that was signed",
    ("README.md", "make demo"): LAB,
    ("README.md", "make install CONFIG_DIR="): "changes what the page has installed and uses",
    ("README.md", "docker plugin install"): REGISTRY,
    ("README.md", "docker plugin enable"): REGISTRY,
    ("README.md", "make test"): "runs this test",
    ("docs/architecture.md", "tests.lab run"): LAB,
    ("docs/providers.md", "wget"): "stands for a provider's page",
    ("docs/reliability.md", "tests/e2e/faults -k"): LAB,
    ("docs/reliability.md", "tests/e2e/live/shared -k"): LAB,
    ("docs/reliability.md", "tests/e2e/live/ports -k"): LAB,
    ("docs/shared.md", "umount"): "ends the tunnel that the page uses",
    ("docs/security.md", "tests/e2e/leaks -k"): LAB,
    ("docs/security.md", "live/leaks/shared -k"): LAB,
    ("docs/security.md", "live/leaks/test_published.py -k"): LAB,
    ("docs/reliability.md", "docker inspect --format"): "needs a container that Docker 29 refused",
    ("docs/reliability.md", "docker plugin upgrade"): (
        "needs a registry; tests/e2e/faults/test_plugin_upgraded.py has one"
    ),
}

SETTINGS = {"log-level", "resolve-timeout", "re-resolve-after", "defaults", "configurations"}


def of(*languages: str) -> Any:
    """The parameters of a test of each block in these languages."""
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language in languages]


def test_every_block_has_a_language_that_says_whether_it_is_run() -> None:
    wrong = [str(block) for block in BLOCKS if block.language not in {*DATA, RUN, SHOWN}]
    assert not wrong


def test_every_block_that_no_test_runs_is_listed_with_its_reason() -> None:
    shown = [block for block in BLOCKS if block.language == SHOWN]
    reasons = {
        str(block): [piece for page, piece in NOT_RUN if page == block.page and piece in block.text]
        for block in shown
    }
    assert {place: len(pieces) for place, pieces in reasons.items()} == dict.fromkeys(reasons, 1)
    assert len(shown) == len(NOT_RUN)


@pytest.mark.parametrize("block", of(RUN))
def test_commands_are_complete(block: Block) -> None:
    assert "…" not in block.text
    checked = subprocess.run(
        ["sh", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert not checked.stderr


def take_yaml(text: str) -> None:
    """Take a compose file, or the plugin's settings."""
    content = yaml.safe_load(text)
    if set(content) & SETTINGS:
        settings_file.parse(text.encode(), "block")
    else:
        assert set(content) <= {"services", "networks", "volumes"}


PARSERS: dict[str, Callable[[str], object]] = {
    "ini": lambda text: parser.parse(text.encode(), "block"),
    "json": json.loads,
    "python": ast.parse,
    "toml": tomllib.loads,
    "yaml": take_yaml,
}


@pytest.mark.parametrize("block", of(*PARSERS))
def test_data_is_what_its_reader_takes(block: Block) -> None:
    PARSERS[block.language](block.text)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for line, target in links(page, PAGES[page]):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        place = normpath(PurePosixPath(page).parent / path) if path else page
        assert (ROOT / place).exists(), f"{page}:{line}: there is no {place}"
        if anchor:
            known = anchors(place, PAGES[place]) if place in PAGES else set()
            assert anchor in known, f"{page}:{line}: {place} has no #{anchor}"


def test_every_example_has_a_page_that_starts_it_first_and_ends_it_last() -> None:
    for folder in sorted((ROOT / "examples").iterdir()):
        commands = [
            block.text
            for block in BLOCKS
            if block.page == f"examples/{folder.name}/README.md" and block.language == RUN
        ]
        assert (commands[0], commands[-1]) == ("docker compose up -d\n", "docker compose down\n")
        services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
        assert {service["image"] for service in services.values()} <= {"alpine", "busybox"}


def test_block_is_reported_with_its_place_language_and_text() -> None:
    text = "# Title\n\n```sh\none\n\n  two\n```\nand\n````text\n```\n````\n"
    assert blocks("page.md", text) == [
        Block("page.md", 4, "sh", "one\n\n  two\n"),
        Block("page.md", 10, "text", "```\n"),
    ]


def test_block_in_a_list_is_not_indented() -> None:
    text = "- item\n\n  ```yaml\n  a:\n    b\n\n  ```\n"
    assert blocks("page.md", text) == [Block("page.md", 4, "yaml", "a:\n  b\n\n")]


@pytest.mark.parametrize(
    ("before", "language", "file"),
    [
        ("In `compose.yaml`:\n", "yaml", "compose.yaml"),
        ("As `/etc/wireguard/office.conf`:\n\n", "ini", "/etc/wireguard/office.conf"),
        ("In `compose.yaml`, say:\n", "yaml", ""),
        ("With `docker`:\n", "yaml", ""),
        ("Run `install.sh`:\n", "sh", ""),
    ],
)
def test_block_of_data_is_the_file_that_the_line_before_ends_with(
    before: str, language: str, file: str
) -> None:
    (block,) = blocks("page.md", f"{before}```{language}\na\n```\n")
    assert block.file == file


def test_line_before_one_block_names_no_file_of_the_next() -> None:
    first, second = blocks("page.md", "In `a.yaml`:\n```yaml\na\n```\n```yaml\nb\n```\n")
    assert (first.file, second.file) == ("a.yaml", "")


def test_block_without_an_end_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"page\.md:3: the block of code has no end"):
        blocks("page.md", "one\n\n```sh\ntwo\n")


def test_anchors_are_those_of_headings_and_of_html_outside_of_code() -> None:
    text = (
        "# Which edition?\n## The `wg0` device, *now*\n## [Which](x) edition?\n"
        '```sh\n# no heading\n```\n<a id="e-17"></a> and `<a id="no">`\n'
    )
    assert anchors("page.md", text) == {
        "which-edition",
        "the-wg0-device-now",
        "which-edition-1",
        "e-17",
    }


def test_links_are_reported_with_their_lines_wherever_they_stand() -> None:
    text = (
        'One [link](a.md#b) and ![picture](c.svg "Title")\nand [another\none](<d.md>).\n'
        '```text\n[no](link)\n```\n`[no](link)`\n[ref]: e.md\n<img src="f.svg">\n'
    )
    assert links("page.md", text) == [
        (1, "a.md#b"),
        (1, "c.svg"),
        (3, "d.md"),
        (8, "e.md"),
        (9, "f.svg"),
    ]
