"""How often the power is cut."""

import os

import pytest

OPT_IN = "POWER_CUTS"


@pytest.fixture
def cuts() -> int:
    number = os.environ.get(OPT_IN)
    if number is None:
        pytest.skip(f"boots machines for minutes; opt in with {OPT_IN}=1, or how many cuts")
    return int(number)
