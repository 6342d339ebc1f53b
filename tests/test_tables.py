"""The tables of README.md and docs/ have what the code has, no more and no less."""

import re
from pathlib import Path

import pytest

from wgplugin.conf.settings import PLUGIN, TUNNEL
from wgplugin.docker.options import ENDPOINT_OPTIONS, NETWORK_OPTIONS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def first_cells(page: Path, heading: str) -> list[str]:
    """Return the first cells of the first table below a heading, without its head."""
    _, _, section = page.read_text().partition(f"\n## {heading}\n")
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, f"{page.name} has no table below {heading}"
    return [line.split("|")[1].strip() for line in table[0].splitlines()[2:]]


def test_readme_leads_to_every_page() -> None:
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#]+)\)", README.read_text()))


def test_readme_has_every_option() -> None:
    shown = [cell.strip("`").partition("=")[0] for cell in first_cells(README, "Options")]
    assert set(shown) == {*NETWORK_OPTIONS, *ENDPOINT_OPTIONS}


def test_documents_have_every_setting() -> None:
    page = ROOT / "docs" / "configuration.md"
    shown = [cell.strip("`") for cell in first_cells(page, "Settings: wgplugin.yaml")]
    assert set(shown) == {*PLUGIN, *TUNNEL}


def test_architecture_has_every_room_once() -> None:
    cells = first_cells(ROOT / "docs" / "architecture.md", "The rooms")
    rooms = [f"`{path.parent.name}/`" for path in (ROOT / "wgplugin").glob("*/__init__.py")]
    assert sorted(cells) == sorted(["beside the rooms", *rooms])


@pytest.mark.parametrize("page", ["security.md", "reliability.md"])
def test_pages_name_tests_that_there_are(page: str) -> None:
    tests = "\n".join(path.name + path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    rows = re.findall(r"(?:^\|.*\n)+", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    tables = [table.splitlines() for table in rows if "(`-k`)" in table.partition("\n")[0]]
    named = {
        name
        for table in tables
        for row in table[2:]
        for name in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])
    }
    assert named
    assert not [name for name in named if not re.search(rf"test_\w*{name}|{name}\w*[.]py", tests)]
