"""Each page's commands are run from top to bottom, on a host that has nothing of the page yet.

On one release alone: what differs between releases has tests of its own.
"""

from pathlib import Path

import pytest

from tests.documents import RUN, blocks, pages
from tests.e2e.docker import docker
from tests.e2e.documents import host
from tests.e2e.documents.conftest import Reader

RELEASE = "28.5"

BLOCKS = {page: blocks(page, text) for page, text in pages().items()}
COMMANDS = {
    page: text
    for page, parts in BLOCKS.items()
    # The examples' pages are those of test_examples.py.
    if not page.startswith("examples/")
    and (text := "".join(block.text for block in parts if block.language == RUN))
}


@pytest.fixture(scope="module", autouse=True)
def one_release() -> None:
    if not docker("version", "--format", "{{.Server.Version}}").startswith(RELEASE):
        pytest.skip(f"the pages are tried on Docker {RELEASE}")


@pytest.fixture
def editions(page: str) -> tuple[str, ...]:
    """Those that the page doesn't install itself."""
    lines = [line for line in COMMANDS[page].splitlines() if line.startswith("make install")]
    own = {"live" if "EDITION=live" in line else "base" for line in lines}
    return tuple(edition for edition in host.EDITIONS if edition not in own)


@pytest.mark.parametrize("page", COMMANDS)
def test_page_can_be_followed(page: str, reader: Reader, tmp_path: Path) -> None:
    reader.do(*BLOCKS[page], start=host.checkout(tmp_path))
