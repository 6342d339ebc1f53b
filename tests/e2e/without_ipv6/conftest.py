"""These tests are for a host without IPv6; the others are for one that has it."""

from pathlib import Path

import pytest

from tests.e2e.provider import HAS_IPV6
from tests.opting import skip_all_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests on a host that has IPv6."""
    if HAS_IPV6:
        skip_all_in(Path(__file__).parent, items, "needs a host without IPv6: ipv6.disable=1")
