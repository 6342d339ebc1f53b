"""Docker's release, and the releases that the documents and tests are keyed by."""

from tests.e2e.docker import docker

Release = tuple[int, int]

NEWEST: Release = (28, 5)
"""The newest release with a column of its own. Later ones are tested by this column."""

COLUMNS: tuple[Release, ...] = ((20, 10), (26, 1), NEWEST)
"""The releases with a column each in docs/routes.md, from left to right."""


def at_hand() -> Release:
    """Return the release of the Docker under the tests."""
    return parsed(docker("version", "--format", "{{.Server.Version}}"))


def parsed(version: str) -> Release:
    """Return the first two numbers of a version, such as (28, 5) for 28.5.2+dfsg."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def column(release: Release) -> int:
    """Return the index of a release's column: the last one that isn't of a later release.

    Raises:
        ValueError: the release is older than each column.
    """
    index = sum(release >= each for each in COLUMNS) - 1
    if index < 0:
        raise ValueError(release)
    return index


def has_pages(release: Release) -> bool:
    """Return whether the pages' commands are tried on a release: the newest one, and later ones."""
    return release >= NEWEST
