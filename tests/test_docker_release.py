"""Docker's releases in the tests that are keyed by them."""

import pytest

from tests.e2e.docker_release import COLUMNS, Release, column, has_pages, parsed
from tests.e2e.test_routes import PAGE


@pytest.mark.parametrize(
    ("version", "release"),
    [("20.10.24+dfsg1", (20, 10)), ("28.5.2", (28, 5)), ("29.1.0-rc.1", (29, 1))],
)
def test_version_is_parsed(version: str, release: Release) -> None:
    assert parsed(version) == release


@pytest.mark.parametrize(
    ("version", "expected"),
    [("20.10.24", 0), ("26.1.5", 1), ("28.5.2", 2), ("29.1.0", 2), ("30.0.0", 2)],
)
def test_release_after_the_last_column_has_the_last_column(version: str, expected: int) -> None:
    assert column(parsed(version)) == expected


def test_release_before_the_first_column_has_none() -> None:
    with pytest.raises(ValueError, match="19"):
        column((19, 3))


@pytest.mark.parametrize(
    ("version", "expected"), [("26.1.5", False), ("28.5.2", True), ("29.1.0", True)]
)
def test_pages_are_tried_on_the_newest_release_and_later_ones(version: str, expected: bool) -> None:
    assert has_pages(parsed(version)) == expected


def test_columns_are_those_of_the_page() -> None:
    heads = " | ".join(f"{major}.{minor}" for major, minor in COLUMNS)
    assert f"| how | {heads} |" in PAGE.read_text()
