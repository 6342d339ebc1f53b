"""The table of causes in tests/e2e/refusal_causes.py is complete."""

from tests.e2e.refusal_causes import CAUSES, CAUSES_IN_BASE, OTHER_CODES
from wgplugin.codes import Code


def test_every_code_has_a_cause_or_a_reason() -> None:
    caused = {code for cause in CAUSES + CAUSES_IN_BASE for code in cause.codes}
    assert caused | set(OTHER_CODES) == set(Code)
    assert not caused & set(OTHER_CODES)
