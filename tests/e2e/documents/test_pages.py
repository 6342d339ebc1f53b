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
INSTALLS = "make install"

BLOCKS = {page: blocks(page, text) for page, text in pages().items()}
COMMANDS = {
    page: text
    for page, parts in BLOCKS.items()
    # The examples' pages are those of test_examples.py.
    if not page.startswith("examples/")
    and (text := "".join(block.text for block in parts if block.language == RUN))
}


def installs(page: str) -> bool:
    return INSTALLS in COMMANDS[page]


PAGES = sorted(COMMANDS, key=installs)


@pytest.fixture(scope="module", autouse=True)
def one_release() -> None:
    if not docker("version", "--format", "{{.Server.Version}}").startswith(RELEASE):
        pytest.skip(f"the pages are tried on Docker {RELEASE}")


@pytest.fixture
def editions(page: str) -> tuple[str, ...]:
    """None where the page installs the plugin, else both."""
    return () if installs(page) else tuple(host.EDITIONS)


@pytest.mark.parametrize("page", PAGES)
def test_page_can_be_followed(page: str, reader: Reader, tmp_path: Path) -> None:
    reader.do(*BLOCKS[page], start=host.checkout(tmp_path))
