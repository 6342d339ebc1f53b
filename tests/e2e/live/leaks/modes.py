"""In which modes of networks a test's tunnels are."""

import pytest

CONTAINER, SHARED = "container", "shared"


def in_modes(*modes: str) -> pytest.MarkDecorator:
    """Run a test, or all of a module, with a scene in each of these modes."""
    return pytest.mark.parametrize("scene", modes, indirect=True, scope="module")
