"""What is planted into the plugin by the leak tests has its place in the source."""

from pathlib import Path

import pytest

from tests.e2e.leaks import planted
from tests.e2e.leaks.planted import Leak
from tests.e2e.live.leaks import planted as planted_live

PACKAGE = Path(__file__).parents[1] / "wgplugin"
LEAKS = [
    leak
    for module in (planted, planted_live)
    for value in vars(module).values()
    for leak in (value if isinstance(value, tuple) else (value,))
    if isinstance(leak, Leak)
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_place_of_a_leak_is_in_the_source_once_and_python_stays_python(leak: Leak) -> None:
    source = (PACKAGE / leak.module).read_text()
    assert source.count(leak.text) == 1
    compile(source.replace(leak.text, leak.instead), leak.module, "exec")
