"""Each page's commands are run from top to bottom, on a host that has nothing of the page yet.

On the newest release and later ones: what differs between releases has tests of its own.
"""

from pathlib import Path

import pytest

from tests.documents import RUN, blocks, pages
from tests.e2e.docker_release import NEWEST, at_hand, has_pages
from tests.e2e.documents import host
from tests.e2e.documents.conftest import Reader

BLOCKS = {page: blocks(page, text) for page, text in pages().items()}


def commands(page: str) -> str:
    return "".join(block.text for block in BLOCKS[page] if block.language == RUN)


def installed_by(page: str) -> set[str]:
    """Return the editions that a page installs itself."""
    lines = [line for line in commands(page).splitlines() if line.startswith("make install")]
    return {"live" if "EDITION=live" in line else "base" for line in lines}


# The examples' pages are those of test_examples.py. What takes the base edition away comes last.
PAGES = sorted(
    (page for page in BLOCKS if commands(page) and not page.startswith("examples/")),
    key=lambda page: "base" in installed_by(page),
)


@pytest.fixture(scope="module", autouse=True)
def newest_release() -> None:
    if not has_pages(at_hand()):
        pytest.skip("the pages are tried on Docker {}.{} and later".format(*NEWEST))


@pytest.fixture
def plugins(page: str) -> None:
    """Those that the page names, but for those that it installs itself."""
    own = installed_by(page)
    host.uninstall(own)
    host.install(host.named(commands(page)) - own)


@pytest.mark.parametrize("page", PAGES)
def test_page_can_be_followed(page: str, reader: Reader, tmp_path: Path) -> None:
    reader.do(*BLOCKS[page], start=host.checkout(tmp_path))
